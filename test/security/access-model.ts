/**
 * Who may do and see what, written down a second time, from the documentation and not from the code: the server is compared with it.
 * It knows no class, no database and no guard.
 */

export type Role = 'viewer' | 'editor' | 'owner';
const RANK: Readonly<Record<Role, number>> = { viewer: 1, editor: 2, owner: 3 };

export interface ModelKey {
  readonly id: string;
  readonly secret: string;
  readonly kind: 'admin' | 'personal' | 'service' | 'agent';
  readonly principalId: string;
  /** Null: all that its holder may. */
  readonly scopes: readonly string[] | null;
  /** Null: all workspaces of its holder. */
  readonly workspaces: readonly string[] | null;
  /** The one session of an agent. */
  readonly sessionId?: string;
  state: 'good' | 'revoked' | 'expired' | 'never given';
  /** Whether people handle it: it is listed. */
  readonly isListed: boolean;
}

export interface ModelWorkspace {
  readonly id: string;
  readonly path: string;
  readonly ownerId: string;
  readonly members: Map<string, Role>;
}

export interface ModelSession {
  readonly id: string;
  readonly ownerId: string;
  readonly externalId: string | null;
  workspaceId: string | null;
  isLive: boolean;
  events: number;
}

/** A domain event, as far as it decides who hears of it. */
export interface Fact {
  readonly name: string;
  readonly workspaceId: string | null;
  readonly sessionId: string | null;
  readonly ownerId: string | null;
  readonly actor: string;
}

/** A fact at its place in the feed. */
export type PlacedFact = Fact & { readonly position: number };

/** What must come of a call; `apply` is what it then changes, given the answer. */
export interface Verdict {
  readonly status: number;
  readonly code?: string;
  readonly facts?: (body: any) => readonly Fact[];
  readonly apply?: (body: any) => void;
  /** What is wrong with the answer. */
  readonly check?: (body: any) => string | undefined;
}

const USERS = [
  'workspaces:read',
  'workspaces:write',
  'agents:read',
  'sessions:read',
  'sessions:create',
  'sessions:write',
  'sessions:control',
  'events:append',
  'approvals:read',
  'approvals:decide',
  'keys:manage',
  'tickets:create',
];
export const EVERYTHING: readonly string[] = [...USERS, 'agents:manage', 'audit:read', 'ops:read'];
const AGENTS = ['sessions:read', 'events:append'];

const UNAUTHENTICATED: Verdict = { status: 401, code: 'unauthenticated' };
const FORBIDDEN: Verdict = { status: 403, code: 'forbidden' };
const NO_SESSION: Verdict = { status: 404, code: 'session_not_found' };
const NO_WORKSPACE: Verdict = { status: 404, code: 'workspace_not_found' };
const NO_KEY: Verdict = { status: 404, code: 'key_not_found' };
const OK: Verdict = { status: 200 };

/** What somebody sees, at one moment. */
export interface View {
  readonly all: boolean;
  readonly sessionId: string | undefined;
  /** Null: what belongs to no workspace is out of reach. */
  readonly ownerId: string | null;
  readonly workspaces: ReadonlyMap<string, Role>;
}

export class AccessModel {
  readonly keys: ModelKey[] = [];
  readonly workspaces = new Map<string, ModelWorkspace>();
  readonly sessions = new Map<string, ModelSession>();
  readonly feed: PlacedFact[] = [];

  // Who is it, and what does it reach?

  permissions(key: ModelKey): readonly string[] {
    const ofKind = key.kind === 'agent' ? AGENTS : key.kind === 'admin' ? EVERYTHING : USERS;
    return key.scopes === null ? ofKind : ofKind.filter((each) => key.scopes?.includes(each));
  }

  /** 401 and 403, which come before everything else; undefined where it may. */
  gate(key: ModelKey, permission: string): Verdict | undefined {
    if (key.state !== 'good') return UNAUTHENTICATED;
    if (permission === 'self:read') return undefined;
    return this.permissions(key).includes(permission) ? undefined : FORBIDDEN;
  }

  /** Its role in each workspace it reaches. */
  roles(key: ModelKey): Map<string, Role> {
    const found = new Map<string, Role>();
    for (const { id, members } of this.workspaces.values()) {
      const role = members.get(key.principalId);
      if (role && (key.workspaces === null || key.workspaces.includes(id))) found.set(id, role);
    }
    return found;
  }

  view(key: ModelKey): View {
    return {
      all: key.kind === 'admin',
      sessionId: key.sessionId,
      ownerId: key.workspaces === null ? key.principalId : null,
      workspaces: key.kind === 'agent' ? new Map() : this.roles(key),
    };
  }

  visibleSessions(view: View): ModelSession[] {
    return [...this.sessions.values()].filter((session) => sees(view, { ...session, sessionId: session.id }));
  }

  visibleWorkspaces(view: View): ModelWorkspace[] {
    return [...this.workspaces.values()].filter(({ id }) => view.all || view.workspaces.has(id));
  }

  visibleFacts(view: View, after: number): PlacedFact[] {
    return this.feed.filter((fact) => fact.position > after && sees(view, fact));
  }

  visibleKeys(key: ModelKey): ModelKey[] {
    return this.keys.filter((each) => each.isListed && (key.kind === 'admin' || each.principalId === key.principalId));
  }

  private may(
    key: ModelKey,
    { workspaceId, ownerId, id }: { workspaceId: string | null; ownerId: string; id: string },
    role: Role,
  ): boolean {
    if (key.kind === 'admin' || (key.kind === 'agent' && key.sessionId === id)) return true;
    if (workspaceId === null) return ownerId === key.principalId;
    const own = this.roles(key).get(workspaceId);
    return own !== undefined && RANK[own] >= RANK[role];
  }

  /** A session that is seen, and may be touched; else what is answered. */
  private reach(key: ModelKey, given: string): ModelSession | undefined {
    const seen = this.visibleSessions(this.view(key));
    return seen.find(({ id, externalId }) => given === id || (externalId !== null && given === `ext:${externalId}`));
  }

  private onSession(key: ModelKey, permission: string, id: string, judge: (session: ModelSession) => Verdict): Verdict {
    const stopped = this.gate(key, permission);
    if (stopped) return stopped;
    const session = this.reach(key, id);
    if (!session) return NO_SESSION;
    return permission.endsWith(':read') || this.may(key, session, 'editor') ? judge(session) : FORBIDDEN;
  }

  private onWorkspace(key: ModelKey, permission: string, id: string, role: Role, judge: (workspace: ModelWorkspace) => Verdict): Verdict {
    const stopped = this.gate(key, permission);
    if (stopped) return stopped;
    const workspace = this.visibleWorkspaces(this.view(key)).find((each) => each.id === id);
    if (!workspace) return NO_WORKSPACE;
    return this.may(key, { workspaceId: id, ownerId: workspace.ownerId, id: '' }, role) ? judge(workspace) : FORBIDDEN;
  }

  // What comes of each call?

  me(key: ModelKey): Verdict {
    const expected = Object.fromEntries(key.kind === 'admin' || key.kind === 'agent' ? [] : this.roles(key));
    const check = ({ id, roles = {} }: any) =>
      id === key.principalId && same(roles, expected)
        ? undefined
        : `is told to be ${id} with ${JSON.stringify(roles)}, not ${JSON.stringify(expected)}`;
    return this.gate(key, 'self:read') ?? { ...OK, check };
  }

  plain(key: ModelKey, permission: string, status = 200): Verdict {
    return this.gate(key, permission) ?? { status };
  }

  createSession(key: ModelKey, { workspaceId, externalId }: { workspaceId?: string; externalId?: string }): Verdict {
    const stopped = this.gate(key, 'sessions:create');
    if (stopped) return stopped;
    if (workspaceId !== undefined) {
      const placed = this.onWorkspace(key, 'sessions:create', workspaceId, 'editor', () => OK);
      if (placed !== OK) return placed;
    } else if (key.workspaces !== null && key.kind !== 'admin') return FORBIDDEN;
    const ownerId = key.principalId;
    if (externalId !== undefined && [...this.sessions.values()].some((each) => each.ownerId === ownerId && each.externalId === externalId))
      return { status: 409, code: 'external_id_taken' };
    const session = { ownerId, externalId: externalId ?? null, workspaceId: workspaceId ?? null, isLive: true, events: 1 };
    return {
      status: 201,
      facts: ({ id }) => [fact('session.created', { ...session, id }, key)],
      apply: ({ id }) => void this.sessions.set(id, { ...session, id }),
    };
  }

  readSession(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'sessions:read', id, (session) => ({
      ...OK,
      check: (body) =>
        body.id === session.id && body.ownerId === session.ownerId && (body.workspaceId ?? null) === session.workspaceId
          ? undefined
          : `is ${JSON.stringify(body)}`,
    }));
  }

  /** All its sessions are external: whoever sees one is told that it has no diff. */
  readDiff(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'sessions:read', id, () => ({ status: 409, code: 'not_supported' }));
  }

  readEvents(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'sessions:read', id, ({ events }) => ({
      ...OK,
      check: ({ items }) => (items.length === Math.min(events, 1000) ? undefined : `has ${items.length} events, not ${events}`),
    }));
  }

  patchSession(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'sessions:write', id, (session) => ({ ...OK, facts: () => [fact('session.updated', session, key)] }));
  }

  deleteSession(key: ModelKey, id: string, isForced: boolean): Verdict {
    return this.onSession(key, 'sessions:write', id, (session) =>
      session.isLive && !isForced
        ? { status: 409, code: 'session_live' }
        : { ...OK, facts: () => [fact('session.deleted', session, key)], apply: () => void this.sessions.delete(session.id) },
    );
  }

  append(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'events:append', id, (session) =>
      session.isLive ? { status: 201, apply: () => void (session.events += 1) } : { status: 409, code: 'session_ended' },
    );
  }

  stop(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'sessions:control', id, (session) =>
      session.isLive
        ? {
            ...OK,
            facts: () => [fact('session.status-changed', session, key)],
            apply: () => void Object.assign(session, { isLive: false, events: session.events + 1 }),
          }
        : OK,
    );
  }

  /** Nobody types into an agent that somebody else runs. */
  input(key: ModelKey, id: string): Verdict {
    return this.onSession(key, 'sessions:control', id, () => ({ status: 409, code: 'not_supported' }));
  }

  /** Nobody's agent asks anything here. */
  readApprovals(key: ModelKey, id: string): Verdict {
    const check = ({ items }: any) => (items.length === 0 ? undefined : `shows ${JSON.stringify(items)}`);
    return this.onSession(key, 'approvals:read', id, () => ({ ...OK, check }));
  }

  decide(key: ModelKey): Verdict {
    return this.gate(key, 'approvals:decide') ?? { status: 404, code: 'approval_not_found' };
  }

  readWorkspace(key: ModelKey, id: string): Verdict {
    return this.onWorkspace(key, 'workspaces:read', id, 'viewer', () => OK);
  }

  createWorkspace(key: ModelKey, path: string): Verdict {
    const stopped = this.gate(key, 'workspaces:write');
    if (stopped) return stopped;
    if (key.workspaces !== null && key.kind !== 'admin') return FORBIDDEN;
    const taken = [...this.workspaces.values()].find((each) => each.path === path);
    if (taken) {
      const isSeen = this.visibleWorkspaces(this.view(key)).includes(taken);
      const check = (body: any) =>
        JSON.stringify(body).includes(taken.id) === isSeen ? undefined : `${isSeen ? 'hides' : 'tells'} the id of the other workspace`;
      return { status: 409, code: 'workspace_exists', check };
    }
    const ownerId = key.principalId;
    return {
      status: 201,
      facts: ({ id }) => [{ name: 'workspace.created', workspaceId: id, sessionId: null, ownerId, actor: ownerId }],
      apply: ({ id }) => void this.workspaces.set(id, { id, path, ownerId, members: new Map([[ownerId, 'owner']]) }),
    };
  }

  patchWorkspace(key: ModelKey, id: string): Verdict {
    return this.onWorkspace(key, 'workspaces:write', id, 'owner', (workspace) => ({
      ...OK,
      facts: () => [ofWorkspace('workspace.updated', workspace, key)],
    }));
  }

  deleteWorkspace(key: ModelKey, id: string): Verdict {
    return this.onWorkspace(key, 'workspaces:write', id, 'owner', (workspace) => {
      const inside = [...this.sessions.values()].filter(({ workspaceId }) => workspaceId === id);
      if (inside.some(({ isLive }) => isLive)) return { status: 409, code: 'workspace_in_use' };
      return {
        ...OK,
        facts: () => [ofWorkspace('workspace.deleted', workspace, key)],
        apply: () => {
          this.workspaces.delete(id);
          inside.forEach((session) => (session.workspaceId = null));
        },
      };
    });
  }

  listMembers(key: ModelKey, id: string): Verdict {
    return this.onWorkspace(key, 'workspaces:read', id, 'viewer', ({ members }) => ({
      ...OK,
      check: ({ items }) => {
        const shown = Object.fromEntries(items.map((each: any) => [each.principalId, each.role]));
        return same(shown, Object.fromEntries(members)) ? undefined : `shows ${JSON.stringify(shown)}`;
      },
    }));
  }

  setMember(key: ModelKey, id: string, principalId: string, role: Role): Verdict {
    return this.onWorkspace(key, 'workspaces:write', id, 'owner', (workspace) => {
      if (workspace.members.get(principalId) === role) return OK;
      if (isLastOwner(workspace, principalId)) return { status: 409, code: 'last_owner' };
      return {
        ...OK,
        facts: () => [ofWorkspace('workspace.member-set', workspace, key)],
        apply: () => void workspace.members.set(principalId, role),
      };
    });
  }

  /** One may always leave. */
  removeMember(key: ModelKey, id: string, principalId: string): Verdict {
    return this.onWorkspace(key, 'workspaces:write', id, principalId === key.principalId ? 'viewer' : 'owner', (workspace) => {
      if (!workspace.members.has(principalId)) return { status: 404, code: 'member_not_found' };
      if (isLastOwner(workspace, principalId)) return { status: 409, code: 'last_owner' };
      return {
        ...OK,
        facts: () => [ofWorkspace('workspace.member-removed', workspace, key)],
        apply: () => void workspace.members.delete(principalId),
      };
    });
  }

  createKey(
    key: ModelKey,
    wish: { kind: 'admin' | 'personal' | 'service'; principalId?: string; scopes?: string[]; workspaceIds?: string[] },
  ): Verdict {
    const stopped = this.gate(key, 'keys:manage');
    if (stopped) return stopped;
    const { kind, principalId = key.principalId, scopes = [], workspaceIds } = wish;
    if (key.kind !== 'admin' && (principalId !== key.principalId || kind !== 'personal')) return FORBIDDEN;
    const own = [...this.permissions(key), 'self:read'];
    if (scopes.some((each) => !own.includes(each))) return FORBIDDEN;
    const limit = key.kind === 'admin' ? null : key.workspaces;
    if (limit !== null && workspaceIds?.some((each) => !limit.includes(each))) return FORBIDDEN;
    if (kind === 'admin' ? workspaceIds !== undefined : principalId === 'admin') return { status: 400, code: 'invalid_input' };
    const given = scopes.length > 0 ? scopes : key.scopes;
    return {
      status: 201,
      facts: () => [ofHolder('key.created', principalId, key)],
      apply: ({ id, secret }) =>
        void this.keys.push({
          id,
          secret,
          kind,
          principalId,
          scopes: given,
          workspaces: workspaceIds ?? limit,
          state: 'good',
          isListed: true,
        }),
    };
  }

  private onKey(key: ModelKey, id: string, judge: (found: ModelKey) => Verdict): Verdict {
    const stopped = this.gate(key, 'keys:manage');
    if (stopped) return stopped;
    const found = this.visibleKeys(key).find((each) => each.id === id && each.state !== 'revoked');
    return found ? judge(found) : NO_KEY;
  }

  revokeKey(key: ModelKey, id: string): Verdict {
    return this.onKey(key, id, (found) => ({
      ...OK,
      facts: () => [ofHolder('key.revoked', found.principalId, key)],
      apply: () => void (found.state = 'revoked'),
    }));
  }

  /** Its answer is a secret with the reach of the old key: nobody gets one that reaches further than his own. */
  rotateKey(key: ModelKey, id: string): Verdict {
    return this.onKey(key, id, (found) => {
      const isWiderInScope = key.scopes !== null && (found.scopes === null || found.scopes.some((each) => !key.scopes?.includes(each)));
      const limit = key.kind === 'admin' ? null : key.workspaces;
      const isWiderInSpace = limit !== null && (found.workspaces === null || found.workspaces.some((each) => !limit.includes(each)));
      if (isWiderInScope || isWiderInSpace) return FORBIDDEN;
      return {
        status: 201,
        facts: () => [ofHolder('key.rotated', found.principalId, key)],
        apply: (body) => {
          this.keys.push({ ...found, id: body.id, secret: body.secret });
          found.state = 'revoked';
        },
      };
    });
  }
}

/** Whether a thing of this owner, workspace and session is in view. */
export function sees(
  view: View,
  { workspaceId, sessionId, ownerId }: { workspaceId: string | null; sessionId: string | null; ownerId: string | null },
): boolean {
  if (view.all) return true;
  if (view.sessionId !== undefined) return sessionId === view.sessionId;
  if (workspaceId !== null) return view.workspaces.has(workspaceId);
  return ownerId !== null && ownerId === view.ownerId;
}

const isLastOwner = ({ members }: ModelWorkspace, principalId: string): boolean =>
  members.get(principalId) === 'owner' && [...members.values()].filter((role) => role === 'owner').length === 1;

const fact = (
  name: string,
  { id, workspaceId, ownerId }: { id: string; workspaceId: string | null; ownerId: string },
  by: ModelKey,
): Fact => ({
  name,
  workspaceId,
  sessionId: id,
  ownerId,
  actor: by.principalId,
});

const ofWorkspace = (name: string, { id, ownerId }: ModelWorkspace, by: ModelKey): Fact => ({
  name,
  workspaceId: id,
  sessionId: null,
  ownerId,
  actor: by.principalId,
});

const ofHolder = (name: string, holder: string, by: ModelKey): Fact => ({
  name,
  workspaceId: null,
  sessionId: null,
  ownerId: holder,
  actor: by.principalId,
});

const same = (a: object, b: object): boolean => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
