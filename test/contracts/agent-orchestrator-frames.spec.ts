import { randomUUID } from 'node:crypto';
import { EventLog } from '../../src/events/event-log.service.js';
import { RealtimeLimits } from '../../src/realtime/realtime-limits.js';
import { AoClient, aoEvent, AoSocket, keysOf, SESSION_KEYS, stamp, text, TOLD_KEYS } from '../support/ao-client.js';
import { AoWatch, told } from '../support/ao-watch.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { makeWorkspace } from '../support/sessions.js';

/** The WebSocket of the contract: which frames come, in which order, with which keys. */
describe.each(DIALECTS)('the frames of agent-orchestrator on %s', (dialect) => {
  let watch: AoWatch;
  let app: TestApp;
  let own: AoClient;
  beforeAll(async () => {
    watch = await AoWatch.start(dialect);
    ({ app, own } = watch);
  });
  afterAll(() => watch?.close());
  afterEach(() => watch.clear());

  const connect = (client?: AoClient) => watch.connect(client);
  const make = (fields?: object) => watch.make(fields);
  const send = (id: string, eventType: string, fields?: object) => watch.send(id, eventType, fields);

  it('begin with init and all sessions, newest first', async () => {
    const empty = await connect();
    expect(empty.frames).toEqual([{ type: 'init', sessions: [] }]);
    const [first, second] = [await make(), await make({ project_dir: '/p' })];
    await send(first.session_id, 'session_stop');
    const socket = await connect();
    expect(socket.frames).toEqual([{ type: 'init', sessions: [second, { ...first, status: 'finished' }] }]);
    for (const each of socket.init) expect(keysOf(each)).toEqual(SESSION_KEYS);
    expect(socket.init).toEqual((await own.get('/sessions')).body.sessions);
  });

  it('tell of each thing that happens, exactly and in order', async () => {
    const socket = await connect();
    const session = await make({ project_dir: '/p', agent_name: 'worker' });
    const id = session.session_id;
    const sent = [
      await send(id, 'session_start'),
      await send(id, 'message', { role: 'user', content: text('go') }),
      await send(id, 'pre_tool', { tool_name: 'Bash', tool_input: { command: 'ls' } }),
      await send(id, 'post_tool', { tool_name: 'Bash', tool_input: { command: 'ls' }, tool_output: { stdout: 'a' }, error: null }),
      await send(id, 'message', { role: 'assistant', content: 'a text' }),
    ];
    const stop = await send(id, 'session_stop', { exit_code: 0, reason: 'completed' });
    const answer = await send(id, 'message', { role: 'assistant', content: text('done') });
    const renamed = (await own.call('PATCH', `/sessions/${id}/metadata`, { session_name: 'better' })).body.session;
    const resumed = (await own.call('PATCH', `/sessions/${id}/metadata`, { last_resumed_at: stamp() })).body.session;
    const again = await send(id, 'session_stop');
    const start = await send(id, 'session_start');
    await own.call('DELETE', `/sessions/${id}`);
    const frames = [
      { type: 'session_created', session },
      ...sent.map(told),
      { type: 'session_updated', session: { ...session, status: 'finished' } },
      told(stop),
      told(answer),
      { type: 'session_updated', session: renamed },
      { type: 'session_updated', session: resumed },
      { type: 'session_updated', session: { ...resumed, status: 'finished' } },
      told(again),
      { type: 'session_updated', session: resumed },
      told(start),
      { type: 'session_deleted', session_id: id },
    ];
    expect(await socket.untilTold(frames.length)).toEqual(frames);
    expect(resumed).toMatchObject({ status: 'running', session_name: 'better' });
    for (const { type, data, session: row } of socket.told) {
      if (type === 'event') expect(keysOf(data)).toEqual(TOLD_KEYS);
      if (row) expect(keysOf(row)).toEqual(SESSION_KEYS);
    }
    expect(socket.told.filter(({ type }) => type === 'event').map((each) => keysOf(each))).toEqual(
      Array.from({ length: 9 }, () => ['data', 'type']),
    );
  });

  it('come in the order of what happened, across sessions', async () => {
    // What the hub gathers of one session would be late among those of others.
    const limits: any = app.get(RealtimeLimits);
    const before = limits.coalesceMs;
    limits.coalesceMs = 3_000;
    try {
      const sessions = [await make(), await make(), await make()];
      const socket = await connect();
      const expected: object[] = [];
      for (let i = 0; i < 30; i++) {
        const { session_id: id } = sessions[Math.floor(i / 2) % 3];
        expected.push(told(await send(id, 'message', { role: 'user', content: text(String(i)) })));
        if (i % 5 < 4) continue;
        const { session } = (await own.call('PATCH', `/sessions/${id}`, { session_name: `name ${i}` })).body;
        expected.push({ type: 'session_updated', session });
      }
      expect(await socket.untilTold(expected.length)).toEqual(expected);
    } finally {
      limits.coalesceMs = before;
    }
  });

  it('tell of events only, where they come by the old way', async () => {
    const socket = await connect();
    const id = randomUUID();
    const hook = async (eventType: string, fields: object = {}) => {
      const event = { ...aoEvent(id, eventType, fields), session_name: id };
      await own.post('/events', event);
      return event;
    };
    const sent = [
      await hook('session_start'),
      await hook('message', { role: 'user', content: text('go') }),
      await hook('session_stop'),
      await hook('message', { role: 'assistant', content: text('done') }),
      await hook('session_start'),
      await hook('session_stop'),
    ];
    const last = await make();
    expect(await socket.untilTold(sent.length + 1)).toEqual([...sent.map(told), { type: 'session_created', session: last }]);
  });

  it('tell of a session that an event without a beginning has made', async () => {
    const socket = await connect();
    const event = aoEvent(randomUUID(), 'pre_tool', { tool_name: 'Read' });
    await own.post('/events', event);
    const frames = await socket.untilTold(2);
    expect(frames).toEqual([{ type: 'session_created', session: expect.objectContaining({ session_id: event.session_id }) }, told(event)]);
  });

  it('tell of what happens in other ways, and of sessions of all kinds', async () => {
    const socket = await connect(watch.ao);
    const workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, `p-${Math.random()}`);
    const prompt = 'think:hm\nsay:hello';
    const { body } = await app.call('POST', '/api/sessions', {
      body: { workspaceId: workspace.id, agent: 'demo', prompt, policy: 'allow-all', name: 'demo' },
    });
    const of = () => socket.told.filter(({ session, data }) => (session ?? data)?.session_id === body.id);
    await eventually(of, (frames) => frames.some(({ session }) => session?.status === 'finished'));
    const [created, ...rest] = of();
    expect(created).toEqual({
      type: 'session_created',
      session: expect.objectContaining({ session_id: body.id, session_name: 'demo', agent_name: 'demo', status: 'running' }),
    });
    expect(rest.filter(({ type }) => type === 'event').map(({ data }) => [data.event_type, data.role, data.content])).toEqual([
      ['message', 'user', text(prompt)],
      ['message', 'assistant', [expect.objectContaining({ text: 'hello' })]],
    ]);
    expect(rest.filter(({ type }) => type === 'session_updated')).toHaveLength(1);
    await app.call('PATCH', `/api/sessions/${body.id}`, { body: { name: 'renamed', metadata: { a: 1 } } });
    await eventually(of, (frames) => frames.at(-1).session?.session_name === 'renamed');
    await app.call('DELETE', `/api/sessions/${body.id}?force=true`);
    await eventually(
      () => socket.told,
      (frames) => frames.some(({ type, session_id: id }) => type === 'session_deleted' && id === body.id),
    );
  });

  it('lose and double nothing while many write and some connect', async () => {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => make()));
    const count = 40;
    const writing = sessions.map(async ({ session_id: id }) => {
      for (let i = 0; i < count; i++) await send(id, 'message', { role: 'user', content: text(String(i)) });
      await send(id, 'session_stop');
    });
    const early = await connect();
    const late: AoSocket[] = [];
    await eventually(() => early.told.length > 50);
    late.push(await connect());
    await Promise.all(writing);
    await eventually(
      () => [early, ...late].map(({ told: frames }) => frames.filter(({ data }) => data?.event_type === 'session_stop').length),
      (stops) => stops.every((each) => each === sessions.length),
    );
    for (const socket of [early, ...late])
      for (const { session_id: id } of sessions) {
        const said = socket.told
          .filter(({ data }) => data?.session_id === id && data.event_type === 'message')
          .map(({ data }) => Number(data.content[0].text));
        // From where it came in, to the end, one after the other.
        expect(said).toEqual(Array.from({ length: said.length }, (_, index) => count - said.length + index));
        const last = socket.told.filter(({ data, session }) => (data ?? session)?.session_id === id).slice(-2);
        expect(last.map(({ type }) => type)).toEqual(['session_updated', 'event']);
      }
  });

  it('read what was not announced to this process', async () => {
    const session = await make();
    const socket = await connect();
    await send(session.session_id, 'message', { role: 'user', content: text('heard') });
    await socket.untilTold(1);
    const log: any = app.get(EventLog);
    const listeners = log.listeners;
    log.listeners = new Set();
    try {
      await send(session.session_id, 'message', { role: 'user', content: text('not heard') });
      const [, frame] = await socket.untilTold(2);
      expect(frame.data.content).toEqual(text('not heard'));
    } finally {
      log.listeners = listeners;
    }
  });

  it('begin with the truth when a client comes again', async () => {
    const session = await make();
    const socket = await connect();
    socket.socket.terminate();
    await send(session.session_id, 'session_stop');
    const other = await make();
    const again = await connect();
    expect(again.frames).toEqual([{ type: 'init', sessions: [other, { ...session, status: 'finished' }] }]);
    const event = await send(other.session_id, 'message', { role: 'user', content: text('x') });
    expect(await again.untilTold(1)).toEqual([told(event)]);
  });

  it('ignore what the client says', async () => {
    const socket = await connect();
    for (const said of ['ping', '{"type":"subscribe"}', '{', '', Buffer.from([0, 1, 2])]) socket.socket.send(said);
    const session = await make();
    expect(await socket.untilTold(1)).toEqual([{ type: 'session_created', session }]);
    expect(socket.closed).toBeUndefined();
  });
});
