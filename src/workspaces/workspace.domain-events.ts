export interface WorkspaceCreated {
  readonly workspaceId: string;
  readonly name: string;
}

export interface WorkspaceUpdated {
  readonly workspaceId: string;
  readonly changed: readonly string[];
}

export interface WorkspaceDeleted {
  readonly workspaceId: string;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'workspace.created': WorkspaceCreated;
    'workspace.updated': WorkspaceUpdated;
    'workspace.deleted': WorkspaceDeleted;
  }
}
