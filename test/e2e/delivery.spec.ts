import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { EventBus } from '../../src/core/event-bus/event-bus.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { Hub } from '../../src/realtime/hub/hub.service.js';
import { Outlet } from '../../src/realtime/hub/outlet.js';
import { RealtimeLimits } from '../../src/realtime/realtime-limits.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import type { Frame } from '../support/frames.js';
import { giveKey, setMember } from '../support/principals.js';
import { seeded, SEED } from '../support/random.js';
import { makeWorkspace } from '../support/sessions.js';
import { SseClient } from '../support/sse-client.js';
import { WsClient } from '../support/ws-client.js';

const log = (text: string) => ({ type: 'log', payload: { level: 'info', text } });
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);
const seqsOf = (frames: readonly Frame[]): number[] =>
  frames.flatMap((frame) => (frame.type === 'events' ? frame.events : [])).map(({ seq }) => seq as number);

describe.each(DIALECTS)('Delivery on %s', (dialect) => {
  let app: TestApp;
  const open: { close(): unknown }[] = [];

  beforeAll(async () => {
    app = await TestApp.start(dialect);
  });
  afterAll(() => app.close());
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const each of open.splice(0)) await each.close();
  });

  async function report(workspaceId?: string): Promise<string> {
    const { status, body } = await app.call('POST', '/api/sessions', { body: { runtime: 'external', agentName: 'test', workspaceId } });
    expect(status).toBe(201);
    return body.id;
  }

  async function append(sessionId: string, count: number, text = 'x'): Promise<void> {
    const events = Array.from({ length: count }, () => log(text));
    expect((await app.call('POST', `/api/sessions/${sessionId}/events`, { body: { events } })).status).toBe(200);
  }

  async function connect(key = app.key, url = app.url): Promise<WsClient> {
    const client = await WsClient.connect(url, { key });
    open.push(client);
    return client;
  }

  async function subscribe(client: WsClient, target: Record<string, unknown>): Promise<void> {
    expect(await client.request({ type: 'subscribe', ...target })).toMatchObject({ type: 'reply' });
    await client.frame(({ type }) => type === 'caught_up');
  }

  async function stream(path: string): Promise<SseClient> {
    const client = await SseClient.open(app.url + path, app.key);
    open.push(client);
    return client;
  }

  const cursorOf = async (sessionId: string): Promise<string> => (await app.call('GET', `/api/sessions/${sessionId}`)).body.cursor;

  it(`is exact for readers that change their transport in the middle, with one cursor (seed ${SEED})`, async () => {
    const random = seeded(SEED);
    const sessionId = await report();
    const total = 3_001;
    const some = () => 1 + Math.floor(random() * 300);

    const overWebSocket = async (after: string, wanted: number): Promise<Frame[]> => {
      const client = await WsClient.connect(app.url, { key: app.key });
      await client.request({ type: 'subscribe', sessionId, after });
      await client.until(() => client.events(sessionId).length >= wanted);
      client.destroy();
      return client.frames;
    };
    const overSse = async (after: string, wanted: number): Promise<Frame[]> => {
      const client = await SseClient.open(`${app.url}/api/sessions/${sessionId}/events/stream?after=${after}`, app.key);
      await eventually(() => seqsOf(client.frames).length >= wanted);
      client.close();
      return [...client.frames];
    };
    const overLongPoll = async (after: string, wanted: number): Promise<Frame[]> => {
      const pages: Frame[] = [];
      for (let cursor = after; seqsOf(pages).length < wanted;) {
        const { body } = await app.call('GET', `/api/sessions/${sessionId}/events?after=${cursor}&wait=10&limit=50`);
        ({ cursor } = body);
        pages.push({ type: 'events', cursor, events: body.items });
      }
      return pages;
    };

    const read = async (first: number): Promise<number[]> => {
      const seqs: number[] = [];
      for (let cursor = '0', turn = first; seqs.length < total; turn++) {
        const ways = [overWebSocket, overSse, overLongPoll, overWebSocket];
        const frames = (await ways[turn % ways.length]?.(cursor, Math.min(some(), total - seqs.length))) ?? [];
        seqs.push(...seqsOf(frames));
        cursor = frames.findLast(({ type }) => type === 'events')?.cursor;
      }
      return seqs;
    };
    const reading = Promise.all([0, 1, 2, 3].map(read));
    for (let sent = 1, count = some(); sent < total; sent += count, count = some()) {
      count = Math.min(count, total - sent);
      await append(sessionId, count);
    }
    for (const seqs of await reading) expect(seqs).toEqual(upTo(total));
  });

  it('keeps others live beside a reader that takes nothing, holds little for it, and brings it back exactly', async () => {
    const sessionId = await report();
    const held = new Map<Outlet, number>();
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its outlet below
    const { send } = Outlet.prototype;
    jest.spyOn(Outlet.prototype, 'send').mockImplementation(function (this: Outlet, frame) {
      send.call(this, frame);
      held.set(this, Math.max(held.get(this) ?? 0, this.buffered));
    });
    const stalled = await connect();
    const others = await Promise.all([connect(), connect()]);
    const sse = await stream(`/api/sessions/${sessionId}/events/stream`);
    for (const client of [stalled, ...others]) await subscribe(client, { sessionId });
    stalled.pause();
    const rounds = 120;
    const before = stalled.events(sessionId).length;
    for (let round = 1; round <= rounds; round++) {
      await append(sessionId, 2, 'x'.repeat(60_000));
      // Nothing more is written before the others have this.
      await Promise.all(others.map((each) => each.until(() => each.seqs.get(sessionId)?.at(-1) === 1 + 2 * round)));
    }
    expect(stalled.events(sessionId).length).toBe(before);
    const { liveBytes, frameBytes } = app.get(RealtimeLimits);
    expect(Math.max(...held.values())).toBeGreaterThan(liveBytes);
    expect(Math.max(...held.values())).toBeLessThan(2 * (liveBytes + frameBytes));
    expect(others.some(({ frames }) => frames.some(({ type }) => type === 'slow'))).toBe(false);
    stalled.resume();
    await stalled.until(() => stalled.seqs.get(sessionId)?.at(-1) === 1 + 2 * rounds);
    await stalled.until(() => stalled.frames.at(-1)?.type === 'caught_up');
    expect(stalled.frames.filter(({ type }) => type === 'slow')).toHaveLength(1);
    for (const client of [stalled, ...others]) expect(client.seqs.get(sessionId)).toEqual(upTo(1 + 2 * rounds));
    await eventually(() => seqsOf(sse.frames).length === 1 + 2 * rounds);
    expect(seqsOf(sse.frames)).toEqual(upTo(1 + 2 * rounds));
  });

  it('asks for a new beginning on every transport: another epoch, beyond the end, no longer kept', async () => {
    const { id: workspaceId } = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'stale');
    const sessionId = await report(workspaceId);
    await append(sessionId, 9);
    const epoch = (await cursorOf(sessionId)).split('.')[0];
    await app.get(UnitOfWork).run(async (work) => {
      await work.query('update session_events set payload = null where session_id = ? and seq <= 5', [sessionId]);
      await work.query('update session_heads set earliest_seq = 6 where session_id = ?', [sessionId]);
    });
    const client = await connect();
    for (const after of ['00000000.3', `${epoch}.11`, `${epoch}.4`, `${epoch}.0`]) {
      const wanted = { type: 'resync_required', sessionId, earliest: `${epoch}.5` };
      expect(await client.request({ type: 'subscribe', sessionId, after })).toMatchObject(wanted);
      await client.request({ type: 'subscribe', workspaceId, cursors: { [sessionId]: after } });
      await client.frame(({ type, subscription }) => type === 'caught_up' && subscription !== undefined);
      expect(client.frames).toContainEqual(expect.objectContaining({ ...wanted, reason: expect.any(String) }));
      await client.request({ type: 'unsubscribe', workspaceId });
      client.frames.length = 0;
      const sse = await stream(`/api/sessions/${sessionId}/events/stream?after=${after}`);
      await sse.untilEnded();
      expect(sse.frames).toMatchObject([wanted]);
      for (const wait of ['', '&wait=5']) {
        const { status, body } = await app.call('GET', `/api/sessions/${sessionId}/events?after=${after}${wait}`);
        expect([status, body.code, body.context]).toMatchObject([409, 'resync_required', { earliest: `${epoch}.5` }]);
      }
    }
    for (const after of ['0', `${epoch}.5`]) {
      const sse = await stream(`/api/sessions/${sessionId}/events/stream?after=${after}`);
      await sse.frame(({ type }) => type === 'caught_up');
      expect(seqsOf(sse.frames)).toEqual(upTo(10, 6));
      expect(sse.frames.find(({ type }) => type === 'events')?.prev).toBe(5);
    }
    const { cursor } = (await app.call('GET', '/api/feed?limit=1')).body;
    for (const after of ['00000000.0', `${String(cursor).split('.')[0]}.99999999`]) {
      expect(await client.request({ type: 'subscribe', feed: true, after })).toMatchObject({ type: 'resync_required', feed: true });
      const sse = await stream(`/api/feed/stream?after=${after}`);
      await sse.untilEnded();
      expect(sse.frames).toMatchObject([{ type: 'resync_required', feed: true }]);
      expect((await app.call('GET', `/api/feed?after=${after}&wait=5`)).body.code).toBe('resync_required');
    }
  });

  it('gives the end to whoever comes after it, from any cursor, on every transport', async () => {
    const sessionId = await report();
    await append(sessionId, 200);
    await app.call('POST', `/api/sessions/${sessionId}/stop`);
    const end = await cursorOf(sessionId);
    const wanted = { type: 'end', sessionId, cursor: end, status: 'stopped' };
    for (const after of ['0', `${end.split('.')[0]}.150`, end]) {
      const client = await connect();
      await client.request({ type: 'subscribe', sessionId, after });
      await client.frame(({ type }) => type === 'end');
      const sse = await stream(`/api/sessions/${sessionId}/events/stream?after=${after}`);
      await sse.untilEnded();
      for (const { frames } of [client, sse]) {
        expect(seqsOf(frames)).toEqual(upTo(202, 1 + Number(after.split('.')[1] ?? 0)));
        expect(frames.at(-1)).toEqual(wanted);
      }
    }
    expect(app.get(Hub).watched).toBe(0);
  });

  it('answers HEAD of a stream at once, and 404 where there is none', async () => {
    const sessionId = await report();
    const head = async (path: string) => {
      const { status, headers } = await app.call('HEAD', path);
      return [status, headers.get('content-type')];
    };
    expect(await head(`/api/sessions/${sessionId}/events/stream`)).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(await head('/api/feed/stream')).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect((await head('/api/sessions/nobody/events/stream'))[0]).toBe(404);
    expect(app.get(Hub).watched).toBe(0);
  });

  it('tells of nothing that ended that it is out of sight', async () => {
    const { id: workspaceId } = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'sight');
    const { secret } = await giveKey(app, { principalId: 'user:sight' });
    await setMember(app, workspaceId, 'user:sight', 'viewer');
    const [ended, deleted, left] = [await report(workspaceId), await report(workspaceId), await report(workspaceId)];
    const client = await connect(secret);
    await client.request({ type: 'subscribe', all: true });
    await client.frame(({ type, subscription }) => type === 'caught_up' && subscription !== undefined);
    await app.call('POST', `/api/sessions/${ended}/stop`);
    await app.call('DELETE', `/api/sessions/${deleted}?force=true`);
    for (const gone of [ended, deleted]) await client.frame(({ type, sessionId }) => type === 'end' && sessionId === gone);
    await app.call('DELETE', `/api/workspaces/${workspaceId}/members/user:sight`);
    await client.frame(({ type, sessionId }) => type === 'access_withdrawn' && sessionId === left);
    // Seen again, what has ended is not begun once more.
    const from = client.frames.length;
    await setMember(app, workspaceId, 'user:sight', 'viewer');
    await client.frame(({ type, sessionId }) => type === 'snapshot' && sessionId === left, 'the session again', from);
    await client.frame(({ type, sessionId }) => type === 'caught_up' && sessionId === left, 'caught_up', from);
    const told = client.frames.filter(({ type }) => type === 'access_withdrawn').map(({ sessionId }) => sessionId);
    expect(told).toEqual([left]);
    expect(client.frames.slice(from).filter(({ sessionId }) => sessionId === ended || sessionId === deleted)).toEqual([]);
  });

  describe('without a word from those who commit', () => {
    it('finds events, ends and what is new within a poll, on every transport', async () => {
      jest.spyOn(EventLog.prototype, 'onCommitted').mockReturnValue(() => undefined);
      jest.spyOn(EventBus.prototype, 'subscribe').mockReturnValue(() => undefined);
      const own = await TestApp.start(dialect);
      try {
        const post = async (path: string, body: unknown = {}) => (await own.call('POST', path, { body })).body;
        const session = await post('/api/sessions', { runtime: 'external', agentName: 'test' });
        const path = `/api/sessions/${session.id}`;
        const client = await WsClient.connect(own.url, { key: own.key });
        const scope = await WsClient.connect(own.url, { key: own.key });
        const sse = await SseClient.open(`${own.url}${path}/events/stream`, own.key);
        await client.request({ type: 'subscribe', sessionId: session.id });
        await client.request({ type: 'subscribe', feed: true });
        await scope.request({ type: 'subscribe', all: true });
        await client.frame(({ type, sessionId }) => type === 'caught_up' && sessionId !== undefined);
        await scope.frame(({ type, subscription }) => type === 'caught_up' && subscription !== undefined);
        await sse.frame(({ type }) => type === 'caught_up');
        let [last, cursor] = [1, session.cursor];
        for (const count of [1, 70, 300, 2]) {
          const polling = own.call('GET', `${path}/events?after=${cursor}&wait=30&limit=500`);
          await post(`${path}/events`, { events: Array.from({ length: count }, () => log('unheard')) });
          const page = (await polling).body;
          last += count;
          ({ cursor } = page);
          expect(page.items.map(({ seq }: { seq: number }) => seq)).toEqual(upTo(last, last - count + 1));
          await Promise.all([client, scope].map((each) => each.until(() => each.seqs.get(session.id)?.at(-1) === last)));
          await eventually(() => seqsOf(sse.frames).at(-1) === last);
        }
        const second = await post('/api/sessions', { runtime: 'external', agentName: 'test' });
        await scope.frame(({ type, sessionId }) => type === 'caught_up' && sessionId === second.id);
        await client.frame(({ type, name, sessionId }) => type === 'feed' && name === 'session.created' && sessionId === second.id);
        await post(`${path}/stop`);
        for (const each of [client, scope]) await each.frame(({ type, sessionId }) => type === 'end' && sessionId === session.id);
        await sse.untilEnded();
        expect(seqsOf(sse.frames)).toEqual(upTo(last + 1));
        await own.call('DELETE', `/api/sessions/${second.id}?force=true`);
        await scope.frame(({ type, sessionId, status }) => type === 'end' && sessionId === second.id && status === 'deleted');
        await Promise.all([client.close(), scope.close()]);
      } finally {
        await own.close();
      }
    });
  });

  it('closes a peer that answers no ping, though nothing waits for it', async () => {
    const own = await TestApp.start(dialect);
    Object.assign(own.get(RealtimeLimits), { pingEveryMs: 300, pongWithinMs: 290 });
    try {
      const deaf = await WsClient.connect(own.url, { key: own.key, isDeaf: true });
      const well = await WsClient.connect(own.url, { key: own.key });
      await deaf.request({ type: 'subscribe', all: true });
      await deaf.untilClosed();
      expect(deaf.closed).toEqual({ code: 4008, reason: 'no pong in time' });
      expect(await well.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
      await well.close();
    } finally {
      await own.close();
    }
  });
});
