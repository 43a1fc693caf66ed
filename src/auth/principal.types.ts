/** What a route or a frame may need. The names appear in `openapi.json` under `x-permission`. */
export const PERMISSIONS = [
  'public',
  'self:read',
  'workspaces:read',
  'workspaces:write',
  'agents:read',
  'sessions:read',
  'sessions:create',
  'sessions:write',
  'sessions:control',
  'events:append',
  'ops:read',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export type PrincipalKind = 'admin' | 'user' | 'service' | 'agent' | 'system';

/** Who acts. */
export interface Principal {
  /** Stable id, the `actor` and `ownerId` of what it does. */
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly name: string;
  /** An agent acts within this session only. */
  readonly sessionId?: string;
}

/** The server itself. */
export const SYSTEM: Principal = { id: 'system', kind: 'system', name: 'Muster' };

/**
 * Which rows a principal may see; every list, count, feed and stream is filtered by it. `sessionId` narrows to one session;
 * otherwise one's own, and those of `workspaceIds`.
 */
export type Visibility =
  | { readonly all: true }
  | { readonly all: false; readonly ownerId: string; readonly workspaceIds: readonly string[]; readonly sessionId?: string };

/** What is asked of a visibility: the owner and workspace of a thing, and the session it belongs to. */
export interface Visible {
  readonly ownerId: string | null;
  readonly workspaceId: string | null;
  readonly sessionId: string | null;
}

export function canSee(visibility: Visibility, subject: Visible): boolean {
  if (visibility.all) return true;
  if (visibility.sessionId !== undefined) return subject.sessionId === visibility.sessionId;
  return (
    (subject.ownerId !== null && subject.ownerId === visibility.ownerId) ||
    (subject.workspaceId !== null && visibility.workspaceIds.includes(subject.workspaceId))
  );
}
