/** What a route or a frame may need. The names appear in `openapi.json` under `x-permission`. */
export const PERMISSIONS = [
  'public',
  'self:read',
  'workspaces:read',
  'workspaces:write',
  'agents:read',
  'agents:manage',
  'sessions:read',
  'sessions:create',
  'sessions:write',
  'sessions:control',
  'events:append',
  'approvals:read',
  'approvals:decide',
  'keys:manage',
  'tickets:create',
  'audit:read',
  'ops:read',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export type PrincipalKind = 'admin' | 'user' | 'service' | 'agent' | 'system';

/** What a member may do in a workspace: a viewer looks, an editor also starts and steers sessions, an owner also decides about the workspace. */
export const WORKSPACE_ROLES = ['viewer', 'editor', 'owner'] as const;
export type WorkspaceRole = (typeof WORKSPACE_ROLES)[number];

/** `user:ada`, `service:ci`, `oidc:…`: letters, digits and . _ : @ | -, at most 128. */
export const PRINCIPAL_ID = /^[A-Za-z0-9][A-Za-z0-9._:@|/-]{0,127}$/;

/** Who acts. */
export interface Principal {
  /** Stable id, the `actor` and `ownerId` of what it does. */
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly name: string;
  /** An agent acts within this session only. */
  readonly sessionId?: string;
  /** The key it came with. */
  readonly keyId?: string;
  /** When its credential ends by itself, ISO 8601; absent: when it is revoked. */
  readonly validUntil?: string;
  /** What its credential is limited to; absent: everything its kind may do. */
  readonly permissions?: readonly Permission[];
  /** The only workspaces its credential reaches, and nothing outside of them; absent: all it is a member of, and what is its own. */
  readonly workspaceLimit?: readonly string[];
  /** Its role in each workspace it may enter, as of its authentication. */
  readonly roles?: ReadonlyMap<string, WorkspaceRole>;
}

/** The server itself. */
export const SYSTEM: Principal = { id: 'system', kind: 'system', name: 'Muster' };

/**
 * Which rows a principal may see; every list, count, feed and stream is filtered by it. `sessionId` narrows to one session; otherwise
 * what belongs to one of `workspaceIds`, and what belongs to no workspace but to oneself. `ownerId` is null where the credential does
 * not reach outside of workspaces.
 */
export type Visibility =
  | { readonly all: true }
  | { readonly all: false; readonly ownerId: string | null; readonly workspaceIds: readonly string[]; readonly sessionId?: string };

/** What is asked of a visibility: the owner and workspace of a thing, and the session it belongs to. */
export interface Visible {
  readonly ownerId: string | null;
  readonly workspaceId: string | null;
  readonly sessionId: string | null;
}

export function canSee(visibility: Visibility, subject: Visible): boolean {
  if (visibility.all) return true;
  if (visibility.sessionId !== undefined) return subject.sessionId === visibility.sessionId;
  if (subject.workspaceId !== null) return visibility.workspaceIds.includes(subject.workspaceId);
  return subject.ownerId !== null && subject.ownerId === visibility.ownerId;
}
