import type { TestApp } from '../support/app.js';
import type { Frame } from '../support/frames.js';
import { WsClient } from '../support/ws-client.js';
import { type AccessModel, type ModelKey, sees, type View } from './access-model.js';

type Subject = { readonly ownerId: string | null; readonly workspaceId: string | null; readonly sessionId: string | null };

/** What the model said before a call. */
export interface Before {
  readonly view: View;
  readonly subjects: ReadonlyMap<string, Subject>;
}

/** A WebSocket that stays open and follows everything its key may see: nothing else may ever come over it. */
export class ModelWatcher {
  private looked = 0;
  private since = 0;

  private constructor(
    readonly key: ModelKey,
    readonly client: WsClient,
    private readonly model: AccessModel,
    readonly isFollowing: boolean,
  ) {}

  /** @throws Error where it is shown another set of sessions than the model's */
  static async open(
    app: TestApp,
    model: AccessModel,
    key: ModelKey,
    way: 'header' | 'frame' | 'ticket',
    feedCursor: string,
  ): Promise<ModelWatcher> {
    const client = await connect(app, key, way);
    const isFollowing = model.gate(key, 'sessions:read') === undefined;
    const watcher = new ModelWatcher(key, client, model, isFollowing);
    if (!isFollowing) return watcher;
    const { data } = await client.request({ type: 'subscribe', all: true });
    await client.request({ type: 'subscribe', feed: true, after: feedCursor });
    const caughtUp = await client.frame(
      (frame) => frame.type === 'caught_up' && frame.subscription === data.subscription,
      'the end of the beginning',
    );
    const shown = client.frames.flatMap((frame) => (frame.type === 'snapshot' ? [frame.sessionId as string] : [])).sort();
    const expected = model
      .visibleSessions(model.view(key))
      .map(({ id }) => id)
      .sort();
    if (JSON.stringify(shown) !== JSON.stringify(expected) || caughtUp.sessions !== expected.length)
      throw new Error(`A subscription to all shows ${caughtUp.sessions}: ${shown.join()}; expected ${expected.join()}`);
    watcher.since = model.feed.at(-1)?.position ?? 0;
    return watcher;
  }

  before(): Before {
    const subjects = [...this.model.sessions.values()].map((each): [string, Subject] => [each.id, { ...each, sessionId: each.id }]);
    return { view: this.model.view(this.key), subjects: new Map(subjects) };
  }

  /** Whatever came belongs to what was seen before the call, or is seen after it; what has left the view is not heard of again. */
  async check(before: Before): Promise<void> {
    if (this.key.state !== 'good') {
      await this.client.untilClosed();
      if (this.client.closed?.code !== 4401)
        throw new Error(`A connection whose key is ${this.key.state} was closed with ${this.client.closed?.code}`);
    } else if (this.hasLost(before)) await this.client.request({ type: 'ping' });
    const fresh = this.client.frames.slice(this.looked);
    this.looked = this.client.frames.length;
    const leaks = fresh.filter((frame) => !this.isDue(frame, before));
    if (leaks.length > 0)
      throw new Error(`A connection of ${this.key.principalId} was sent what it may not see: ${JSON.stringify(leaks[0]).slice(0, 600)}`);
  }

  /** Resolves when everything that may be seen has come. */
  async caughtUp(): Promise<void> {
    if (!this.isFollowing || this.key.state !== 'good') return;
    const view = this.model.view(this.key);
    const missing = () =>
      this.model
        .visibleSessions(view)
        .filter(({ id, events }) => this.client.seqs.get(id)?.at(-1) !== events)
        .map(({ id, events }) => `${id}: ${this.client.seqs.get(id)?.at(-1)} of ${events}`);
    await this.client
      .until(() => missing().length === 0, `all events of what ${this.key.principalId} sees`)
      .catch((error: unknown) => {
        throw new Error(`${String(error)}\nmissing: ${missing().join('; ')}`);
      });
    const last = this.model.visibleFacts(view, this.since).at(-1)?.position;
    if (last === undefined || view.all === false) return;
    await this.client.until(
      () => this.client.frames.some((frame) => frame.type === 'feed' && frame.position === last),
      `feed position ${last}`,
    );
  }

  private hasLost(before: Before): boolean {
    const now = this.before();
    return [...before.subjects].some(([id, subject]) => {
      const still = now.subjects.get(id);
      return sees(before.view, subject) && !(still && sees(now.view, still));
    });
  }

  private isDue(frame: Frame, before: Before): boolean {
    const view = this.model.view(this.key);
    if (frame.type === 'feed') {
      const subject = { ownerId: frame.ownerId, workspaceId: frame.workspaceId, sessionId: frame.sessionId };
      return sees(before.view, subject) || sees(view, subject);
    }
    if (frame.sessionId === undefined)
      return frame.workspaceId === undefined || before.view.all || before.view.workspaces.has(frame.workspaceId);
    const [was, is] = [before.subjects.get(frame.sessionId), this.before().subjects.get(frame.sessionId)];
    return (was !== undefined && sees(before.view, was)) || (is !== undefined && sees(view, is));
  }
}

async function connect(app: TestApp, key: ModelKey, way: 'header' | 'frame' | 'ticket'): Promise<WsClient> {
  if (way === 'header') return WsClient.connect(app.url, { key: key.secret });
  if (way === 'frame') {
    const client = await WsClient.connect(app.url);
    const hello = await client.request({ type: 'auth', token: key.secret });
    if (hello.type !== 'hello') throw new Error(`auth was answered with ${JSON.stringify(hello)}`);
    return client;
  }
  const { body } = await app.call('POST', '/api/tickets', { key: key.secret });
  const client = await WsClient.connect(app.url, { path: `/api/ws?ticket=${body.ticket}` });
  await client.frame((frame) => frame.type === 'hello', 'hello');
  return client;
}
