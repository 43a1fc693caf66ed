import type { WorkspaceRole } from './principal.types.js';

/** A key was given out; nothing of its secret is told. */
export interface KeyCreated {
  readonly keyId: string;
  readonly kind: string;
  readonly name: string;
  readonly principalId: string;
  readonly scopes: readonly string[];
  readonly workspaceIds: readonly string[] | null;
  readonly expiresAt: string | null;
}

export interface KeyRevoked {
  readonly keyId: string;
  readonly kind: string;
  readonly name: string;
  readonly principalId: string;
  readonly revokedAt: string;
}

/** A key was replaced; the old one ends at `endsAt`. */
export interface KeyRotated {
  readonly keyId: string;
  readonly replacedBy: string;
  readonly principalId: string;
  readonly endsAt: string;
}

export interface WorkspaceMemberSet {
  readonly workspaceId: string;
  readonly principalId: string;
  readonly before: WorkspaceRole | null;
  readonly after: WorkspaceRole;
}

export interface WorkspaceMemberRemoved {
  readonly workspaceId: string;
  readonly principalId: string;
  readonly before: WorkspaceRole;
}

/** A one-time link gave a browser its cookie. */
export interface BrowserSignedIn {
  /** The key behind the cookie. */
  readonly keyId: string;
  readonly principalId: string;
  readonly expiresAt: string;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'key.created': KeyCreated;
    'key.revoked': KeyRevoked;
    'key.rotated': KeyRotated;
    'browser.signed-in': BrowserSignedIn;
    'workspace.member-set': WorkspaceMemberSet;
    'workspace.member-removed': WorkspaceMemberRemoved;
  }
}
