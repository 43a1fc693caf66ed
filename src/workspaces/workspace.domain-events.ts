import type { ChangedFields } from '../core/event-bus/changed-fields.types.js';

export interface WorkspaceCreated {
  readonly workspaceId: string;
  readonly name: string;
  readonly path: string;
}

export interface WorkspaceUpdated {
  readonly workspaceId: string;
  readonly changed: readonly string[];
  /** The fields in `changed`, as they were and as they are; a large value is told by its size only. */
  readonly before: ChangedFields;
  readonly after: ChangedFields;
}

export interface WorkspaceDeleted {
  readonly workspaceId: string;
  readonly name: string;
  readonly path: string;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'workspace.created': WorkspaceCreated;
    'workspace.updated': WorkspaceUpdated;
    'workspace.deleted': WorkspaceDeleted;
  }
}
