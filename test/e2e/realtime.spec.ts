import { EventLog } from '../../src/events/event-log.service.js';
import { OpenBlocks } from '../../src/events/open-blocks.service.js';
import { Hub } from '../../src/realtime/hub/hub.service.js';
import { RealtimeLimits } from '../../src/realtime/realtime-limits.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { serverSentEvents } from '../support/frames.js';
import { WsClient } from '../support/ws-client.js';

const log = (text: string) => ({ type: 'log', payload: { level: 'info', text } });

describe.each(DIALECTS)('Realtime on %s', (dialect) => {
  let app: TestApp;
  let externalId = 0;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
  });
  afterAll(() => app.close());

  const connect = (options = {}) => WsClient.connect(app.url, { key: app.key, ...options });

  /** A session whose agent is us: running, with its first event. */
  async function report(): Promise<string> {
    const { status, body } = await app.call('POST', '/api/sessions', {
      body: { runtime: 'external', externalId: `x${++externalId}`, agentName: 'test' },
    });
    expect(status).toBe(201);
    return body.id;
  }

  const appendMany = async (sessionId: string, count: number, name = 'n') => {
    for (let at = 0; at < count; at += 500) {
      const events = Array.from({ length: Math.min(500, count - at) }, (_, index) => log(`${name}${at + index}`));
      const { status } = await app.call('POST', `/api/sessions/${sessionId}/events`, { body: { events } });
      expect(status).toBe(200);
    }
  };

  describe('the door', () => {
    it('refuses foreign hosts, foreign pages, wrong keys and unknown paths with problem details', async () => {
      await expect(WsClient.refused(app.url, { headers: { host: 'evil.example' } })).resolves.toMatchObject({
        status: 403,
        body: { code: 'host_not_allowed' },
      });
      await expect(WsClient.refused(app.url, { key: app.key, headers: { origin: 'https://evil.example' } })).resolves.toMatchObject({
        status: 403,
        body: { code: 'origin_not_allowed' },
      });
      await expect(WsClient.refused(app.url, { key: 'mst_adm_wrong' })).resolves.toMatchObject({
        status: 401,
        body: { code: 'unauthenticated' },
      });
      await expect(WsClient.refused(app.url, { path: '/api/nothing' })).resolves.toMatchObject({
        status: 404,
        body: { code: 'route_not_found' },
      });
      const own = await connect({ headers: { origin: app.url } });
      await own.close();
    });

    it('takes a key in the first frame, and does nothing before', async () => {
      const client = await WsClient.connect(app.url);
      const refused = await client.request({ type: 'session.create', runtime: 'external', agentName: 'early' });
      expect(refused).toMatchObject({ type: 'error', code: 'unauthenticated', status: 401 });
      const [hello, pong] = await Promise.all([client.request({ type: 'auth', token: app.key }), client.request({ type: 'ping' })]);
      expect(hello).toMatchObject({ type: 'hello', server: { name: 'muster' }, principal: { id: 'admin', kind: 'admin' } });
      expect(pong.type).toBe('pong');
      expect(await client.request({ type: 'auth', token: app.key })).toMatchObject({ code: 'invalid_frame' });
      await client.close();

      const wrong = await WsClient.connect(app.url);
      wrong.send({ type: 'auth', token: 'nonsense' });
      await wrong.untilClosed();
      expect(wrong.frames).toMatchObject([{ type: 'error', code: 'unauthenticated' }]);
      expect(wrong.closed?.code).toBe(4401);
    });

    it('answers every bad frame and lives on', async () => {
      const client = await connect();
      client.sendRaw('{nonsense');
      client.sendRaw(Buffer.from([1, 2, 3]));
      client.sendRaw('[]');
      client.sendRaw('{"type":7,"id":"seven"}');
      client.sendRaw(JSON.stringify({ type: 'ping', pad: 'x'.repeat(2 * 1024 * 1024) }));
      client.sendRaw(`{"type":"append","id":"deep","sessionId":"s","events":[${'['.repeat(100)}${']'.repeat(100)}]}`);
      expect(await client.request({ type: 'dance' })).toMatchObject({ type: 'error', code: 'unknown_type' });
      const codes = client.frames.filter(({ type }) => type === 'error').map(({ code }) => code);
      expect(codes).toEqual([
        'invalid_json',
        'binary_not_supported',
        'invalid_frame',
        'invalid_frame',
        'frame_too_large',
        'invalid_frame',
        'unknown_type',
      ]);
      expect(client.frames.find(({ id }) => id === 'seven')).toBeDefined();
      for (const frame of [
        { type: 'subscribe' },
        { type: 'subscribe', sessionId: 7 },
        { type: 'subscribe', all: true, feed: true },
        { type: 'session.create', nonsense: 1 },
        { type: 'ping', more: 1 },
        { type: 'append', sessionId: 'x', events: [] },
      ])
        expect(await client.request(frame)).toMatchObject({ type: 'error', status: 400, code: 'invalid_input' });
      expect(await client.request({ type: 'subscribe', sessionId: 'nobody' })).toMatchObject({ type: 'error', code: 'session_not_found' });
      expect(await client.request({ type: 'subscribe', sessionId: '\u0000' })).toMatchObject({ type: 'error', code: 'session_not_found' });
      expect(await client.request({ type: 'subscribe', workspaceId: 'nobody' })).toMatchObject({
        type: 'error',
        code: 'workspace_not_found',
      });
      expect(await client.request({ type: 'unsubscribe', subscription: 's9' })).toMatchObject({ type: 'error', code: 'not_subscribed' });
      client.sendRaw('x'.repeat(9 * 1024 * 1024));
      await client.untilClosed();
      expect(client.closed?.code).toBe(1009);
      expect((await app.call('GET', '/api/me')).status).toBe(200);
    });
  });

  it('sends a session from the beginning, then live, in order, and its end', async () => {
    const sessionId = await report();
    await appendMany(sessionId, 700);
    const client = await connect();
    const reply = await client.request({ type: 'subscribe', sessionId });
    expect(reply).toMatchObject({ type: 'reply', ok: true, data: { subscription: 's1', sessionId } });
    expect(await client.request({ type: 'subscribe', sessionId })).toMatchObject({ type: 'error', code: 'already_subscribed' });
    const caughtUp = await client.frame(({ type }) => type === 'caught_up', 'caught_up');
    const types = client.frames.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
    expect(types.slice(0, 3)).toEqual(['hello', 'reply', 'snapshot']);
    const snapshot = client.frames.find(({ type }) => type === 'snapshot');
    expect(snapshot).toMatchObject({ session: { id: sessionId, status: 'running' }, open: [], cursor: caughtUp.cursor });
    await appendMany(sessionId, 200, 'live');
    await client.until(() => client.events(sessionId).length === 901, 'all events');
    expect(client.frames.filter(({ type }) => type === 'events').every(({ events }) => events.length <= 64)).toBe(true);
    const stopped = await client.request({ type: 'session.stop', sessionId });
    expect(stopped).toMatchObject({ type: 'reply', data: { isEnded: true, session: { status: 'stopped' } } });
    const end = await client.frame(({ type }) => type === 'end', 'end');
    expect(end).toMatchObject({ sessionId, status: 'stopped', cursor: client.cursors.get(sessionId) });
    expect(client.events(sessionId).at(-1)).toMatchObject({ type: 'status', payload: { to: 'stopped' } });

    // An ended one: the same, at once.
    const from = client.frames.length;
    expect(await client.request({ type: 'subscribe', sessionId, after: end.cursor })).toMatchObject({ type: 'reply' });
    await client.frame(({ type }) => type === 'end', 'end', from);
    expect(client.frames.slice(from).map(({ type }) => type)).toEqual(['reply', 'snapshot', 'caught_up', 'end']);
    await client.close();
  });

  it('sends streaming text exactly once, to readers from before and in between', async () => {
    const sessionId = await report();
    const blocks = app.get(OpenBlocks);
    const early = await connect();
    await early.request({ type: 'subscribe', sessionId });
    await early.frame(({ type }) => type === 'caught_up');
    const piece = (text: string) => blocks.write({ sessionId, turn: null, blockId: 'b1', kind: 'message', text });
    piece('Hello');
    piece(', ');
    await early.frame(({ type }) => type === 'delta');
    const late = await connect();
    await late.request({ type: 'subscribe', sessionId });
    piece('world');
    const none = await connect();
    await none.request({ type: 'subscribe', sessionId, deltas: false });
    await none.frame(({ type }) => type === 'caught_up');
    piece('!');
    await app.get(EventLog).appendOne(sessionId, {
      id: 'b1',
      type: 'message',
      source: 'acp',
      actor: 'test',
      payload: { role: 'assistant', blockId: 'b1', content: [{ type: 'text', text: 'Hello, world!' }] },
    });
    for (const client of [early, late, none]) {
      await client.until(() => client.events(sessionId).some(({ id }) => id === 'b1'), 'the message');
      const at = client.frames.findIndex(
        ({ type, events }) => type === 'events' && events.some((event: { id: string }) => event.id === 'b1'),
      );
      expect(client.frames.slice(at).some(({ type }) => type === 'delta')).toBe(false);
      let text = client.frames.find(({ type }) => type === 'snapshot')?.open[0]?.text ?? '';
      for (const delta of client.frames.filter(({ type }) => type === 'delta')) {
        expect(delta.offset).toBe(text.length);
        text += delta.text;
      }
      expect(text).toBe(client === none ? 'Hello, world' : 'Hello, world!');
      await client.close();
    }
  });

  it('refuses cursors that would leave a hole', async () => {
    const sessionId = await report();
    const client = await connect();
    for (const after of ['00000000.0', `${(await app.call('GET', `/api/sessions/${sessionId}`)).body.cursor.slice(0, 8)}.999`]) {
      const answer = await client.request({ type: 'subscribe', sessionId, after });
      expect(answer).toMatchObject({ type: 'resync_required', sessionId, earliest: expect.stringMatching(/\.0$/) });
      expect(await client.request({ type: 'unsubscribe', sessionId })).toMatchObject({ code: 'not_subscribed' });
    }
    expect(await client.request({ type: 'subscribe', feed: true, after: '00000000.1' })).toMatchObject({
      type: 'resync_required',
      feed: true,
    });
    expect(await client.request({ type: 'subscribe', sessionId, after: 'nonsense' })).toMatchObject({
      type: 'error',
      code: 'invalid_input',
    });
    await client.close();
  });

  it('follows everything: present sessions, new ones, ended and deleted ones', async () => {
    const first = await report();
    const client = await connect();
    const { data } = await client.request({ type: 'subscribe', all: true, cursors: { [first]: '0', 'gone-for-good': '0badf00d.7' } });
    const all = await client.frame(
      ({ type, subscription }) => type === 'caught_up' && subscription === data.subscription,
      'the last caught_up',
    );
    expect(all.sessions).toBeGreaterThan(0);
    expect(client.frames).toContainEqual({ type: 'end', sessionId: 'gone-for-good', cursor: '0badf00d.7', status: 'deleted' });
    expect(await client.request({ type: 'subscribe', sessionId: first })).toMatchObject({ code: 'already_subscribed' });
    const second = await report();
    await client.frame(({ type, sessionId }) => type === 'snapshot' && sessionId === second, 'the snapshot of the new session');
    await appendMany(second, 3);
    await client.until(() => client.events(second).length === 4);
    expect((await app.call('DELETE', `/api/sessions/${second}?force=true`)).status).toBe(200);
    await client.frame(({ type, sessionId, status }) => type === 'end' && sessionId === second && status === 'deleted', 'end');
    expect(await client.request({ type: 'unsubscribe', all: true })).toMatchObject({ type: 'reply' });
    const from = client.frames.length;
    await appendMany(first, 3);
    await client.request({ type: 'ping' });
    expect(client.frames.slice(from).map(({ type }) => type)).toEqual(['pong']);
    await client.close();
  });

  it('follows the feed, from any position, without a gap', async () => {
    const client = await connect();
    await client.request({ type: 'subscribe', feed: true });
    await client.frame(({ type, feed }) => type === 'caught_up' && feed, 'caught_up');
    const sessionId = await report();
    await client.frame(({ type, name, data }) => type === 'feed' && name === 'session.created' && data.sessionId === sessionId);
    const feed = client.frames.filter(({ type }) => type === 'feed');
    feed.forEach(({ prev, position }, index) => expect([prev, position]).toEqual([index, index + 1]));
    await client.request({ type: 'unsubscribe', feed: true });
    const again = await connect();
    await again.request({ type: 'subscribe', feed: true, after: feed.at(-2)?.cursor });
    await again.frame(({ type }) => type === 'feed');
    expect(again.frames.find(({ type }) => type === 'feed')).toEqual(feed.at(-1));
    await Promise.all([client.close(), again.close()]);
  });

  it('appends: many under way, in order, each with its results', async () => {
    const client = await connect();
    const created = await client.request({ type: 'session.create', runtime: 'external', agentName: 'writer' });
    const sessionId: string = created.data.session.id;
    const replies = await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        client.request({ type: 'append', sessionId, events: [{ id: `e${index}`, ...log(`${index}`) }] }),
      ),
    );
    expect(replies.map(({ data }) => data.results[0].seq)).toEqual(Array.from({ length: 300 }, (_, index) => index + 2));
    const mixed = await client.request({
      type: 'append',
      sessionId,
      events: [{ id: 'e0', ...log('0') }, { type: 'log', payload: {} }, { id: 'e1', ...log('other') }, 7],
    });
    expect(mixed.data.results).toMatchObject([
      { seq: 2, duplicate: true },
      { error: { code: 'invalid_event' } },
      { id: 'e1', error: { code: 'event_conflict' } },
      { error: { code: 'invalid_event' } },
    ]);
    expect(await client.request({ type: 'append', sessionId: 'nobody', events: [log('x')] })).toMatchObject({
      type: 'error',
      code: 'session_not_found',
    });
    expect(await client.request({ type: 'session.interrupt', sessionId })).toMatchObject({
      type: 'error',
      code: 'not_supported',
      status: 409,
    });
    expect(await client.request({ type: 'session.input', sessionId, content: 'hi' })).toMatchObject({
      type: 'error',
      code: 'not_supported',
    });
    await client.close();
  });

  it('gives each of 20 readers that come and go exactly 1 to n', async () => {
    const sessionId = await report();
    const total = 4_001;
    const writing = appendMany(sessionId, total - 1);
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const client = await connect({ isRecording: false });
        for (let round = 0; (client.seqs.get(sessionId)?.length ?? 0) < total; round++) {
          if (round > 0) await client.reconnect();
          await client.request({ type: 'subscribe', sessionId, after: client.cursors.get(sessionId) ?? '0' });
          const goal = Math.min(total, (client.seqs.get(sessionId)?.length ?? 0) + 50 + ((index * 97 + round * 331) % 900));
          await client.until(() => (client.seqs.get(sessionId)?.length ?? 0) >= goal, `${goal} events`, 60_000);
          client.destroy();
        }
        expect(client.seqs.get(sessionId)).toEqual(Array.from({ length: total }, (_each, at) => at + 1));
      }),
    );
    await writing;
  });

  it('leaves a slow reader behind, tells it, and brings it back without a gap', async () => {
    const sessionId = await report();
    const slow = await connect();
    const quick = await connect();
    for (const client of [slow, quick]) {
      await client.request({ type: 'subscribe', sessionId });
      await client.frame(({ type }) => type === 'caught_up');
    }
    slow.pause();
    const big = 'x'.repeat(60_000);
    for (let index = 0; index < 250; index++) {
      const { status } = await app.call('POST', `/api/sessions/${sessionId}/events`, { body: log(big) });
      expect(status).toBe(201);
    }
    await quick.until(() => quick.events(sessionId).length === 251, 'all events');
    slow.resume();
    await slow.until(() => slow.events(sessionId).length === 251, 'all events');
    await slow.until(() => slow.frames.filter(({ type }) => type === 'caught_up').length === 2, 'caught_up again');
    expect(slow.frames.filter(({ type }) => type === 'slow')).toHaveLength(1);
    expect(quick.frames.some(({ type }) => type === 'slow')).toBe(false);
    await Promise.all([slow.close(), quick.close()]);
  });

  describe('server-sent events', () => {
    const open = (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) =>
      fetch(app.url + path, { headers: { authorization: `Bearer ${app.key}`, ...headers }, signal });

    it('sends the same frames with cursors as ids, goes on behind Last-Event-ID, and ends', async () => {
      const sessionId = await report();
      await appendMany(sessionId, 100);
      const response = await open(`/api/sessions/${sessionId}/events/stream`);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
      const seen: { event: string; id?: string; data: any }[] = [];
      for await (const each of serverSentEvents(response.body!)) {
        seen.push(each);
        if (each.event === 'caught_up') void app.call('POST', `/api/sessions/${sessionId}/stop`);
      }
      expect(seen.map(({ event }) => event).filter((event, index, all) => event !== all[index - 1])).toEqual([
        'snapshot',
        'events',
        'caught_up',
        'events',
        'end',
      ]);
      expect(seen.every(({ event, id, data }) => id === (event === 'events' ? data.cursor : undefined))).toBe(true);
      expect(seen.flatMap(({ event, data }) => (event === 'events' ? data.events : [])).map(({ seq }) => seq)).toEqual(
        Array.from({ length: 102 }, (_, at) => at + 1),
      );
      const [first] = seen.filter(({ event }) => event === 'events');
      const again = await open(`/api/sessions/${sessionId}/events/stream?after=0`, { 'last-event-id': first?.id ?? '' });
      const rest = [];
      for await (const { event, data } of serverSentEvents(again.body!)) if (event === 'events') rest.push(...data.events);
      expect(rest[0].seq).toBe(first?.data.events.at(-1).seq + 1);
      const filtered = await open(`/api/sessions/${sessionId}/events/stream?type=status`);
      const frames = [];
      for await (const { event, data } of serverSentEvents(filtered.body!)) if (event === 'events') frames.push(data);
      expect(frames.flatMap(({ events }) => events).map(({ seq }) => seq)).toEqual([1, 102]);
      expect(frames[1]?.prev).toBe(Number(frames[0]?.cursor.split('.')[1]));
    });

    it('answers what can not begin with problem details, and a stale cursor with a frame', async () => {
      const sessionId = await report();
      expect((await open('/api/sessions/nobody/events/stream')).status).toBe(404);
      expect((await open(`/api/sessions/${sessionId}/events/stream?after=x`)).status).toBe(400);
      expect((await open('/api/feed/stream?workspaceId=nobody')).status).toBe(404);
      const stale = await open(`/api/sessions/${sessionId}/events/stream?after=00000000.1`);
      const frames = [];
      for await (const each of serverSentEvents(stale.body!)) frames.push(each);
      expect(frames).toMatchObject([{ event: 'resync_required', data: { sessionId } }]);
    });

    it('forgets a reader that hangs up', async () => {
      const sessionId = await report();
      const hub = app.get(Hub);
      const before = hub.watched;
      const controller = new AbortController();
      const response = await open(`/api/sessions/${sessionId}/events/stream`, {}, controller.signal);
      for await (const { event } of serverSentEvents(response.body!)) if (event === 'caught_up') break;
      controller.abort();
      for (let tries = 0; hub.watched > before && tries < 500; tries++) await new Promise((resolve) => setImmediate(resolve));
      const feed = await open('/api/feed/stream');
      for await (const { event, id, data } of serverSentEvents(feed.body!)) {
        if (event === 'feed') expect(id).toBe(data.cursor);
        if (event === 'caught_up') break;
      }
      expect(hub.watched).toBe(before);
    });
  });

  describe('with short limits', () => {
    let own: TestApp;
    beforeAll(async () => {
      own = await TestApp.start(dialect);
      Object.assign(own.get(RealtimeLimits), { authMs: 100, stallMs: 300 });
    });
    afterAll(() => own.close());

    it('closes who does not say who they are', async () => {
      const client = await WsClient.connect(own.url);
      await client.untilClosed();
      expect(client.closed).toEqual({ code: 4401, reason: 'no auth frame in time' });
    });

    it('closes who takes nothing with 4008', async () => {
      const { body: session } = await own.call('POST', '/api/sessions', { body: { runtime: 'external', agentName: 'test' } });
      const client = await WsClient.connect(own.url, { key: own.key });
      await client.request({ type: 'subscribe', sessionId: session.id });
      await client.frame(({ type }) => type === 'caught_up');
      client.pause();
      for (let index = 0; own.get(Hub).watched > 0; index++) {
        expect(index).toBeLessThan(1_500);
        await own.call('POST', `/api/sessions/${session.id}/events`, { body: log('x'.repeat(60_000)) });
      }
      client.resume();
      await client.untilClosed();
      expect(client.closed?.code).toBe(4008);
    });

    it('delivers what nobody announced, and its end, within a second or so', async () => {
      const { body: session } = await own.call('POST', '/api/sessions', { body: { runtime: 'external', agentName: 'test' } });
      const client = await WsClient.connect(own.url, { key: own.key });
      await client.request({ type: 'subscribe', sessionId: session.id });
      await client.frame(({ type }) => type === 'caught_up');
      const { listeners }: { listeners: Set<unknown> } = own.get(EventLog) as any;
      const all = [...listeners];
      listeners.clear();
      try {
        await own.call('POST', `/api/sessions/${session.id}/events`, { body: log('unheard') });
        await client.until(() => client.events(session.id).length === 2, 'the event', 3_000);
        await own.call('POST', `/api/sessions/${session.id}/stop`);
        await client.frame(({ type }) => type === 'end');
      } finally {
        all.forEach((each) => listeners.add(each));
      }
      await client.close();
    });
  });

  it('closes every reader with a reason when the server stops', async () => {
    const own = await TestApp.start(dialect);
    try {
      const client = await WsClient.connect(own.url, { key: own.key });
      const feed = await fetch(`${own.url}/api/feed/stream`, { headers: { authorization: `Bearer ${own.key}` } });
      const ended = feed.text();
      await Promise.all([own.close(), client.untilClosed(), ended]);
      expect(client.closed).toEqual({ code: 1001, reason: 'server is shutting down' });
    } catch (error) {
      await own.close();
      throw error;
    }
  });
});
