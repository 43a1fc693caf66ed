import { EVERYTHING, type AccessModel, type ModelKey, type ModelSession, type Role, type Verdict } from './access-model.js';

/** One call, over HTTP or as a frame, with what must come of it. */
export interface Call {
  readonly key: ModelKey;
  readonly method: string;
  readonly path: string;
  readonly body?: Record<string, unknown>;
  /** The same as a frame. */
  readonly frame?: { readonly type: string; readonly [field: string]: unknown };
  readonly verdict: Verdict;
}

export const USERS: readonly string[] = ['user:ada', 'user:ben', 'user:cleo', 'user:dan'];
export const HOLDERS: readonly string[] = [...USERS, 'service:ci'];
const ROLES: readonly Role[] = ['viewer', 'editor', 'owner'];
const MAX_SESSIONS = 60;
const MAX_KEYS = 40;

/** Draws calls for a model. The same numbers give the same calls, as long as the server answers the same. */
export class CallMaker {
  private drawn = 0;
  /** Ids that name nothing any more. */
  private readonly ghosts: string[] = ['01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e'];

  constructor(
    private readonly model: AccessModel,
    private readonly random: () => number,
    /** Directories that workspaces are made of. */
    private readonly directories: readonly string[],
  ) {}

  /** Refusals are many among random calls: most of them are drawn anew. */
  next(): Call {
    let call = this.draw();
    for (let again = 0; again < 3 && call.verdict.status >= 400 && this.chance(0.7); again += 1) call = this.draw();
    return call;
  }

  private draw(): Call {
    const key = this.caller();
    const makers: readonly (readonly [number, (key: ModelKey) => Call])[] = [
      [18, (by) => this.append(by)],
      [12, (by) => this.createSession(by)],
      [5, (by) => this.stop(by)],
      [7, (by) => this.deleteSession(by)],
      [5, (by) => this.patchSession(by)],
      [3, (by) => this.input(by)],
      [3, (by) => this.interrupt(by)],
      [7, (by) => this.readSession(by)],
      [3, (by) => this.readDiff(by)],
      [7, (by) => this.readEvents(by)],
      [3, (by) => this.readApprovals(by)],
      [1, (by) => this.decide(by)],
      [10, (by) => this.setMember(by)],
      [6, (by) => this.removeMember(by)],
      [4, (by) => this.listMembers(by)],
      [3, (by) => this.readWorkspace(by)],
      [4, (by) => this.createWorkspace(by)],
      [3, (by) => this.patchWorkspace(by)],
      [5, (by) => this.deleteWorkspace(by)],
      [6, (by) => this.emptyWorkspace(by)],
      [6, (by) => this.createKey(by)],
      [4, (by) => this.revokeKey(by)],
      [4, (by) => this.rotateKey(by)],
      [4, (by) => this.plain(by)],
    ];
    const total = makers.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.random() * total;
    for (const [weight, make] of makers) {
      at -= weight;
      if (at < 0) return make(key);
    }
    return this.plain(key);
  }

  /** To be told of what is gone. */
  bury(id: string): void {
    this.ghosts.push(id);
    if (this.ghosts.length > 20) this.ghosts.shift();
  }

  pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.random() * from.length)];
    if (found === undefined) throw new Error('There is nothing to pick from.');
    return found;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** Mostly somebody whose key is good. */
  caller(): ModelKey {
    const good = this.model.keys.filter(({ state }) => state === 'good');
    const bad = this.model.keys.filter(({ state }) => state !== 'good');
    return bad.length > 0 && this.chance(0.08) ? this.pick(bad) : this.pick(good);
  }

  /** Mostly one that the caller sees. */
  private session(key: ModelKey): string {
    const seen = this.model.visibleSessions(this.model.view(key));
    const all = [...this.model.sessions.values()];
    const chosen: ModelSession | undefined =
      this.chance(0.7) && seen.length > 0 ? this.pick(seen) : this.chance(0.8) && all.length > 0 ? this.pick(all) : undefined;
    if (!chosen) return this.pick(this.ghosts);
    return chosen.externalId !== null && this.chance(0.3) ? `ext:${chosen.externalId}` : chosen.id;
  }

  private workspace(): string {
    const all = [...this.model.workspaces.keys()];
    return all.length > 0 && this.chance(0.92) ? this.pick(all) : this.pick(this.ghosts);
  }

  private call(key: ModelKey, method: string, path: string, verdict: Verdict, more: Pick<Call, 'body' | 'frame'> = {}): Call {
    return { key, method, path, verdict, ...more };
  }

  private text(what: string): string {
    return `${what} ${++this.drawn}`;
  }

  private append(key: ModelKey): Call {
    const id = this.session(key);
    const body = { type: 'log', payload: { level: 'info', text: this.text('line') } };
    return this.call(key, 'POST', `/api/sessions/${id}/events`, this.model.append(key, id), {
      body,
      frame: { type: 'append', sessionId: id, events: [body] },
    });
  }

  private createSession(key: ModelKey): Call {
    if (this.model.sessions.size >= MAX_SESSIONS) return this.deleteSession(key);
    const workspaceId = this.chance(0.7) ? this.workspace() : undefined;
    // A caller's own id, of a small number of them: some are taken. It says whose it is, so that it names one session only.
    const externalId = this.chance(0.4) ? `${key.principalId}-${Math.floor(this.random() * 4)}` : undefined;
    const body = {
      runtime: 'external',
      name: this.text('session'),
      ...(workspaceId ? { workspaceId } : {}),
      ...(externalId ? { externalId } : {}),
    };
    const verdict = this.model.createSession(key, { workspaceId, externalId });
    return this.call(key, 'POST', '/api/sessions', verdict, { body, frame: { type: 'session.create', ...body } });
  }

  private stop(key: ModelKey): Call {
    const id = this.session(key);
    return this.call(key, 'POST', `/api/sessions/${id}/stop`, this.model.stop(key, id), { frame: { type: 'session.stop', sessionId: id } });
  }

  private input(key: ModelKey): Call {
    const id = this.session(key);
    const body = { content: this.text('prompt') };
    return this.call(key, 'POST', `/api/sessions/${id}/input`, this.model.input(key, id), {
      body,
      frame: { type: 'session.input', sessionId: id, ...body },
    });
  }

  private interrupt(key: ModelKey): Call {
    const id = this.session(key);
    const frame = { type: 'session.interrupt', sessionId: id };
    return this.call(key, 'POST', `/api/sessions/${id}/interrupt`, this.model.input(key, id), { frame });
  }

  private deleteSession(key: ModelKey): Call {
    const id = this.session(key);
    const isForced = this.chance(0.6);
    return this.call(key, 'DELETE', `/api/sessions/${id}${isForced ? '?force=true' : ''}`, this.model.deleteSession(key, id, isForced));
  }

  private patchSession(key: ModelKey): Call {
    const id = this.session(key);
    return this.call(key, 'PATCH', `/api/sessions/${id}`, this.model.patchSession(key, id), { body: { name: this.text('renamed') } });
  }

  private readSession(key: ModelKey): Call {
    const id = this.session(key);
    return this.call(key, 'GET', `/api/sessions/${id}`, this.model.readSession(key, id));
  }

  private readDiff(key: ModelKey): Call {
    const id = this.session(key);
    return this.call(key, 'GET', `/api/sessions/${id}/diff`, this.model.readDiff(key, id));
  }

  private readEvents(key: ModelKey): Call {
    const id = this.session(key);
    return this.call(key, 'GET', `/api/sessions/${id}/events?limit=1000`, this.model.readEvents(key, id));
  }

  private readApprovals(key: ModelKey): Call {
    const id = this.session(key);
    return this.call(key, 'GET', `/api/sessions/${id}/approvals`, this.model.readApprovals(key, id));
  }

  private decide(key: ModelKey): Call {
    const [approvalId, body] = [this.pick(this.ghosts), { optionId: 'allow_once' }];
    return this.call(key, 'POST', `/api/approvals/${approvalId}/decide`, this.model.decide(key), {
      body,
      frame: { type: 'approval.decide', approvalId, ...body },
    });
  }

  private member(): string {
    return this.pick([...HOLDERS, ...HOLDERS, 'admin', 'user:nobody']);
  }

  private setMember(key: ModelKey): Call {
    const [id, principalId, role] = [this.workspace(), this.member(), this.pick(ROLES)];
    const path = `/api/workspaces/${id}/members/${encodeURIComponent(principalId)}`;
    return this.call(key, 'PUT', path, this.model.setMember(key, id, principalId, role), { body: { role } });
  }

  private removeMember(key: ModelKey): Call {
    const [id, principalId] = [this.workspace(), this.chance(0.3) ? key.principalId : this.member()];
    const path = `/api/workspaces/${id}/members/${encodeURIComponent(principalId)}`;
    return this.call(key, 'DELETE', path, this.model.removeMember(key, id, principalId));
  }

  private listMembers(key: ModelKey): Call {
    const id = this.workspace();
    return this.call(key, 'GET', `/api/workspaces/${id}/members`, this.model.listMembers(key, id));
  }

  private readWorkspace(key: ModelKey): Call {
    const id = this.workspace();
    return this.call(key, 'GET', `/api/workspaces/${id}`, this.model.readWorkspace(key, id));
  }

  private createWorkspace(key: ModelKey): Call {
    const path = this.pick(this.directories);
    return this.call(key, 'POST', '/api/workspaces', this.model.createWorkspace(key, path), { body: { path } });
  }

  private patchWorkspace(key: ModelKey): Call {
    const id = this.workspace();
    return this.call(key, 'PATCH', `/api/workspaces/${id}`, this.model.patchWorkspace(key, id), { body: { name: this.text('workspace') } });
  }

  private deleteWorkspace(key: ModelKey): Call {
    const id = this.workspace();
    return this.call(key, 'DELETE', `/api/workspaces/${id}`, this.model.deleteWorkspace(key, id));
  }

  /** Stops what keeps a workspace from being deleted. */
  private emptyWorkspace(key: ModelKey): Call {
    const [workspaceId] = this.model.workspaces.keys();
    const live = [...this.model.sessions.values()].find((each) => each.workspaceId === workspaceId && each.isLive);
    if (!live) return this.deleteWorkspace(key);
    return this.call(key, 'POST', `/api/sessions/${live.id}/stop`, this.model.stop(key, live.id));
  }

  private createKey(key: ModelKey): Call {
    if (this.model.keys.filter(({ state }) => state === 'good').length >= MAX_KEYS) return this.revokeKey(key);
    const isForOther = key.kind === 'admin' ? this.chance(0.8) : this.chance(0.15);
    const kind = this.pick(['personal', 'personal', 'personal', 'personal', 'service', 'admin'] as const);
    const wish = {
      kind,
      ...(isForOther ? { principalId: kind === 'service' ? 'service:ci' : this.pick(HOLDERS) } : {}),
      ...(this.chance(0.5) ? { scopes: this.some(EVERYTHING, 0.75) } : {}),
      ...(this.chance(0.35) ? { workspaceIds: this.some([...this.model.workspaces.keys()], 0.6) } : {}),
    };
    return this.call(key, 'POST', '/api/keys', this.model.createKey(key, wish), { body: { name: this.text('key'), ...wish } });
  }

  /** At least one of them, where there is one. */
  private some(from: readonly string[], probability: number): string[] {
    const chosen = from.filter(() => this.chance(probability));
    return chosen.length > 0 || from.length === 0 ? chosen : [this.pick(from)];
  }

  private key(key: ModelKey): string {
    const own = this.model.keys.filter((each) => each.isListed && each.principalId === key.principalId);
    const all = this.model.keys.filter((each) => each.isListed);
    if (this.chance(0.05) || all.length === 0) return this.pick(this.ghosts);
    return this.pick(this.chance(0.6) && own.length > 0 ? own : all).id;
  }

  private revokeKey(key: ModelKey): Call {
    const id = this.key(key);
    return this.call(key, 'DELETE', `/api/keys/${id}`, this.model.revokeKey(key, id));
  }

  private rotateKey(key: ModelKey): Call {
    const id = this.key(key);
    return this.call(key, 'POST', `/api/keys/${id}/rotate`, this.model.rotateKey(key, id), { body: {} });
  }

  private plain(key: ModelKey): Call {
    return this.pick([
      () => this.call(key, 'GET', '/api/me', this.model.me(key)),
      () => this.call(key, 'GET', '/api/me', this.model.me(key)),
      () => this.call(key, 'GET', '/api/metrics', this.model.plain(key, 'ops:read')),
      () => this.call(key, 'GET', '/api/audit?limit=1', this.model.plain(key, 'audit:read')),
      () => this.call(key, 'POST', '/api/tickets', this.model.plain(key, 'tickets:create', 201)),
      () => this.call(key, 'GET', '/api/health', { status: 200 }),
    ])();
  }
}
