import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Dialect } from '../../src/core/database/dialect.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { serverSentEvents } from '../support/frames.js';
import { agentToken, expiredKey, giveKey, unknownKey } from '../support/principals.js';
import { SEED, seeded } from '../support/random.js';
import { AccessModel, EVERYTHING, type Fact, type ModelKey, type PlacedFact } from './access-model.js';
import { type Call, CallMaker, HOLDERS, USERS } from './model-calls.js';
import { ModelWatcher } from './model-watcher.js';
import { rawUpgrade } from './raw-request.js';

const CALLS = (process.env.MUSTER_TEST_FULL === '1' ? 10_000 : 2_000) / DIALECTS.length;
const MAX_WATCHERS = 5;

interface Outcome {
  readonly status: number;
  readonly code?: string;
  readonly body: any;
}

/** A server, the model of it, and what was called so far. */
class World {
  private readonly trace: string[] = [];
  private readonly watchers: ModelWatcher[] = [];
  private feedCursor = '0';
  readonly counted = { calls: 0, refused: 0, overSocket: 0, compared: 0 };

  private constructor(
    private readonly model: AccessModel,
    private readonly app: TestApp,
    private readonly random: () => number,
    private readonly calls: CallMaker,
  ) {}

  static async start(dialect: Dialect, seed: number): Promise<World> {
    const app = await TestApp.start(dialect);
    const random = seeded(seed);
    const directories = ['one', 'two'].map((name) => {
      mkdirSync(join(app.database.dataDir, name));
      return realpathSync(join(app.database.dataDir, name));
    });
    const model = new AccessModel();
    const world = new World(model, app, random, new CallMaker(model, random, directories));
    await world.populate(directories);
    return world;
  }

  /** Two workspaces with random members, and random keys to them. */
  private async populate(directories: readonly string[]): Promise<void> {
    const { model, calls, app } = this;
    const admin: ModelKey = {
      id: 'file',
      secret: app.key,
      kind: 'admin',
      principalId: 'admin',
      scopes: null,
      workspaces: null,
      state: 'good',
      isListed: false,
    };
    model.keys.push(admin);
    const path = (id: string) => `/api/workspaces/${id}/members`;
    for (const each of directories)
      await this.take({
        key: admin,
        method: 'POST',
        path: '/api/workspaces',
        body: { path: each },
        verdict: model.createWorkspace(admin, each),
      });
    for (const id of model.workspaces.keys())
      for (const holder of HOLDERS.filter(() => calls.chance(0.6))) {
        const role = calls.pick(['viewer', 'editor', 'owner'] as const);
        await this.take({
          key: admin,
          method: 'PUT',
          path: `${path(id)}/${encodeURIComponent(holder)}`,
          body: { role },
          verdict: model.setMember(admin, id, holder, role),
        });
      }
    const give = async (wish: {
      kind: 'personal' | 'service' | 'admin';
      principalId?: string;
      scopes?: string[];
      workspaceIds?: string[];
    }) =>
      this.take({ key: admin, method: 'POST', path: '/api/keys', body: { name: 'a key', ...wish }, verdict: model.createKey(admin, wish) });
    for (const principalId of USERS) await give({ kind: 'personal', principalId });
    await give({ kind: 'personal', principalId: calls.pick(USERS), workspaceIds: [calls.pick([...model.workspaces.keys()])] });
    await give({
      kind: 'personal',
      principalId: calls.pick(USERS),
      scopes: EVERYTHING.filter(() => calls.chance(0.6)).concat('keys:manage'),
    });
    await give({ kind: 'service', principalId: 'service:ci' });
    await give({ kind: 'admin', scopes: EVERYTHING.filter(() => calls.chance(0.5)).concat('sessions:read') });
    for (const id of [...model.workspaces.keys(), undefined]) {
      const verdict = model.createSession(admin, { workspaceId: id });
      const { body } = await this.take({
        key: admin,
        method: 'POST',
        path: '/api/sessions',
        body: { runtime: 'external', ...(id ? { workspaceId: id } : {}) },
        verdict,
      });
      const sessionId: string = body.id;
      const secret = await agentToken(app, sessionId);
      model.keys.push({
        id: `agent ${sessionId}`,
        secret,
        kind: 'agent',
        principalId: `agent:${sessionId}`,
        scopes: null,
        workspaces: null,
        sessionId,
        state: 'good',
        isListed: false,
      });
    }
    const [ada = ''] = USERS;
    const bare = { kind: 'personal', principalId: ada, scopes: null, workspaces: null } as const;
    const revoked = await giveKey(app, { principalId: ada });
    await app.call('DELETE', `/api/keys/${revoked.id}`);
    const expired = await expiredKey(app, { principalId: ada });
    model.keys.push({ ...bare, ...revoked, state: 'revoked', isListed: true }, { ...bare, ...expired, state: 'expired', isListed: true });
    model.keys.push({ ...bare, id: 'none', secret: unknownKey(), state: 'never given', isListed: false });
    // What was made beside the model.
    model.feed.push(...(await this.newFacts()));
  }

  async step(): Promise<void> {
    const call = this.calls.next();
    const before = this.watchers.map((watcher) => watcher.before());
    await this.take(call, call.frame !== undefined && this.calls.chance(0.4));
    for (const [index, watcher] of this.watchers.entries()) {
      const was = before[index];
      if (was) await watcher.check(was).catch((error: unknown) => this.differ(String(error)));
    }
    for (const watcher of this.watchers.filter(({ client }) => client.closed)) this.watchers.splice(this.watchers.indexOf(watcher), 1);
    await this.compareViews(call.key);
    await this.compareViews(this.calls.caller());
    if (this.counted.calls % 25 === 0)
      for (const watcher of this.watchers) await watcher.caughtUp().catch((error: unknown) => this.differ(String(error)));
  }

  async close(): Promise<void> {
    for (const { client } of this.watchers) await client.close();
    await this.app.close();
  }

  /** Makes a call, and compares everything that came of it. */
  private async take(call: Call, overSocket = false): Promise<Outcome> {
    const { verdict, key } = call;
    const said = `${key.principalId} (${key.kind}, ${key.state}, ${key.scopes?.join() ?? 'all scopes'}, ${key.workspaces?.join() ?? 'all workspaces'}): ${call.method} ${call.path} ${JSON.stringify(call.body ?? null)}${overSocket ? ' as a frame' : ''}`;
    this.trace.push(said);
    const outcome = overSocket ? await this.overSocket(call) : await this.overHttp(call);
    this.trace.push(`  ${outcome.status} ${outcome.code ?? ''}`);
    this.counted.calls += 1;
    this.counted.refused += outcome.status >= 400 ? 1 : 0;
    this.counted.overSocket += overSocket ? 1 : 0;
    const isSame = outcome.status === verdict.status && (verdict.code === undefined || outcome.code === verdict.code);
    if (!isSame) this.differ(`expected ${verdict.status} ${verdict.code ?? ''}, was ${outcome.status} ${JSON.stringify(outcome.body)}`);
    const complaint = verdict.check?.(outcome.body);
    if (complaint !== undefined) this.differ(complaint);
    const expected = verdict.facts?.(outcome.body) ?? [];
    verdict.apply?.(outcome.body);
    const found = await this.newFacts();
    this.model.feed.push(...found);
    const bare = found.map(({ position: _, ...rest }): Fact => rest);
    if (JSON.stringify(bare) !== JSON.stringify(expected))
      this.differ(`expected in the feed ${JSON.stringify(expected)}, found ${JSON.stringify(bare)}`);
    if (call.method === 'DELETE' && outcome.status === 200) this.calls.bury(call.path.split('/')[3]?.split('?')[0] ?? '');
    return outcome;
  }

  private differ(what: string): never {
    throw new Error(
      `${what}\n\nAfter ${this.counted.calls} calls; seed ${SEED}: MUSTER_TEST_SEED=${SEED} repeats it. The last ones:\n${this.trace.slice(-24).join('\n')}`,
    );
  }

  private async overHttp({ key, method, path, body }: Call): Promise<Outcome> {
    const answer = await this.app.call(method, path, { key: key.secret, ...(body ? { body } : {}) });
    return { status: answer.status, code: answer.status >= 400 ? answer.body.code : undefined, body: answer.body };
  }

  private async overSocket({ key, frame, verdict }: Call): Promise<Outcome> {
    if (key.state !== 'good') {
      const { status, text } = await rawUpgrade(this.app.url, { path: '/api/ws', headers: { authorization: `Bearer ${key.secret}` } });
      return { status, code: JSON.parse(text).code, body: text };
    }
    if (!frame) throw new Error('There is no such frame.');
    const { client } = await this.watcherOf(key);
    const answer = await client.request(frame);
    if (answer.type === 'error') return { status: answer.status, code: answer.code, body: answer };
    const [item] = answer.data.results ?? [];
    if (item?.error) return { status: item.error.status, code: item.error.code, body: item.error };
    return { status: verdict.status < 400 ? verdict.status : 200, body: answer.data.session ?? item ?? answer.data };
  }

  private async watcherOf(key: ModelKey): Promise<ModelWatcher> {
    const known = this.watchers.find((watcher) => watcher.key === key);
    if (known) return known;
    if (this.watchers.length >= MAX_WATCHERS) await this.watchers.shift()?.client.close();
    const mayHaveTickets = this.model.gate(key, 'tickets:create') === undefined;
    const way = this.calls.pick(mayHaveTickets ? (['header', 'frame', 'ticket'] as const) : (['header', 'frame'] as const));
    const watcher = await ModelWatcher.open(this.app, this.model, key, way, this.feedCursor);
    this.watchers.push(watcher);
    return watcher;
  }

  /** What the feed says since the last look, as its admin reads it. */
  private async newFacts(): Promise<PlacedFact[]> {
    const { body } = await this.app.call('GET', `/api/feed?limit=1000&after=${this.feedCursor}`);
    this.feedCursor = body.cursor;
    return body.items.map(placed);
  }

  /** Compares what somebody is shown in lists, counts, feeds and streams with what the model says. */
  private async compareViews(key: ModelKey): Promise<void> {
    const { model, calls } = this;
    const view = model.view(key);
    const sorted = (ids: readonly string[]) => [...ids].sort().join();
    const compare = async (path: string, permission: string, expected: readonly string[]) => {
      this.counted.compared += 1;
      const stopped = model.gate(key, permission);
      const shown: string[] = [];
      let total: number | undefined;
      for (let cursor: string | null = ''; cursor !== null;) {
        const answer: Outcome = await this.overHttp({
          key,
          method: 'GET',
          path: `${path}${cursor && `&cursor=${cursor}`}`,
          verdict: { status: 200 },
        });
        if (stopped)
          return answer.status === stopped.status
            ? undefined
            : this.differ(`${key.principalId}: ${path} answers ${answer.status}, not ${stopped.status}`);
        if (answer.status !== 200) this.differ(`${key.principalId}: ${path} answers ${JSON.stringify(answer.body)}`);
        shown.push(...answer.body.items.map(({ id }: any) => id));
        total ??= answer.body.total;
        cursor = answer.body.nextCursor;
      }
      if (sorted(shown) !== sorted(expected))
        this.differ(`${key.principalId}: ${path} shows ${sorted(shown)}\nexpected ${sorted(expected)}`);
      if (path.includes('total=true') && total !== expected.length)
        this.differ(`${key.principalId}: ${path} counts ${total}, not ${expected.length}`);
    };
    const limit = calls.pick([200, 7]);
    const sessions = model.visibleSessions(view);
    await compare(
      `/api/sessions?total=true&limit=${limit}`,
      'sessions:read',
      sessions.map(({ id }) => id),
    );
    if (calls.chance(0.3)) {
      const [workspaceId] = calls.chance(0.9) ? [calls.pick([...model.workspaces.keys(), 'none'])] : [];
      const inside = sessions.filter((each) => each.workspaceId === workspaceId).map(({ id }) => id);
      await compare(`/api/sessions?total=true&limit=${limit}&workspaceId=${workspaceId}`, 'sessions:read', workspaceId ? inside : []);
    }
    if (calls.chance(0.4))
      await compare(
        `/api/workspaces?total=true&limit=${limit}`,
        'workspaces:read',
        model.visibleWorkspaces(view).map(({ id }) => id),
      );
    if (calls.chance(0.25))
      await compare(
        `/api/keys?limit=${limit}`,
        'keys:manage',
        model.visibleKeys(key).map(({ id }) => id),
      );
    if (calls.chance(0.5)) {
      const from = Math.max(0, (model.feed.at(-1)?.position ?? 0) - Math.floor(calls.chance(0.05) ? 1_000_000 : this.random() * 60));
      const positions = model.visibleFacts(view, from).map(({ position }) => String(position));
      const path = `/api/feed?limit=${calls.pick([1000, 9])}`;
      await this.compareFeed(key, path, from, positions);
    }
    if (calls.chance(0.05)) await this.compareStreams(key);
  }

  private async compareFeed(key: ModelKey, path: string, from: number, expected: readonly string[]): Promise<void> {
    const shown: string[] = [];
    const epoch = this.feedCursor.split('.')[0];
    for (let after: string | null = `${epoch}.${from}`; after !== null;) {
      const answer: Outcome = await this.overHttp({ key, method: 'GET', path: `${path}&after=${after}`, verdict: { status: 200 } });
      const stopped = this.model.gate(key, 'sessions:read');
      if (stopped)
        return answer.status === stopped.status ? undefined : this.differ(`${key.principalId}: the feed answers ${answer.status}`);
      shown.push(...answer.body.items.map(({ position }: PlacedFact) => String(position)));
      after = answer.body.nextCursor;
    }
    if (shown.join() !== expected.join()) this.differ(`${key.principalId}: the feed shows ${shown.join()}\nexpected ${expected.join()}`);
  }

  /** The streams of server-sent events, up to where they have caught up. */
  private async compareStreams(key: ModelKey): Promise<void> {
    const { model, calls } = this;
    const view = model.view(key);
    const facts = model.visibleFacts(view, 0).map(({ position }) => position);
    const feed = await this.stream(key, '/api/feed/stream?after=0');
    const shown = feed.frames.filter(({ type }) => type === 'feed').map(({ position }) => position);
    const status = model.gate(key, 'sessions:read')?.status ?? 200;
    if (feed.status !== status || (status === 200 && shown.join() !== facts.join()))
      this.differ(`${key.principalId}: the stream of the feed answers ${feed.status} and shows ${shown.join()}\nexpected ${facts.join()}`);
    const [session] = [...model.sessions.values()].filter(() => calls.chance(0.2));
    if (!session) return;
    const verdict = model.readEvents(key, session.id);
    const events = await this.stream(key, `/api/sessions/${session.id}/events/stream`);
    const count = events.frames.flatMap((frame) => (frame.type === 'events' ? frame.events : [])).length;
    if (events.status !== verdict.status || (verdict.status === 200 && count !== session.events))
      this.differ(
        `${key.principalId}: the stream of ${session.id} answers ${events.status} with ${count} events; expected ${verdict.status} with ${session.events}`,
      );
  }

  private async stream(key: ModelKey, path: string): Promise<{ status: number; frames: any[] }> {
    const controller = new AbortController();
    const response = await fetch(this.app.url + path, { headers: { authorization: `Bearer ${key.secret}` }, signal: controller.signal });
    const frames: any[] = [];
    try {
      if (response.status === 200 && response.body)
        for await (const { data } of serverSentEvents(response.body)) {
          frames.push(data);
          if (data.type === 'caught_up' || data.type === 'end') break;
        }
      else await response.text();
    } finally {
      controller.abort();
    }
    return { status: response.status, frames };
  }
}

const placed = ({ position, name, workspaceId, sessionId, ownerId, actor }: any): PlacedFact => ({
  position,
  name,
  workspaceId,
  sessionId,
  ownerId,
  actor,
});

describe.each(DIALECTS)(`an independent model of who may do and see what (seed ${SEED}), on %s`, (dialect) => {
  it('says the same as the server of every random call, and of what is seen after it', async () => {
    const world = await World.start(dialect, SEED);
    try {
      while (world.counted.calls < CALLS) await world.step();
    } finally {
      await world.close();
    }
    process.stdout.write(`access model on ${dialect}, seed ${SEED}: ${JSON.stringify(world.counted)}\n`);
    // A run in which everything is refused, or nothing, says little.
    expect(world.counted.refused).toBeGreaterThan(CALLS / 10);
    expect(world.counted.refused).toBeLessThan((CALLS * 9) / 10);
  }, 900_000);
});
