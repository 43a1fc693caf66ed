import { randomUUID } from 'node:crypto';
import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { RealtimeLimits } from '../../src/realtime/realtime-limits.js';
import { AoClient, aoEvent, text } from '../support/ao-client.js';
import { AoWatch, told } from '../support/ao-watch.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { giveKey, revokeKey, setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';

/** The WebSocket of the contract: who gets its frames, also where they are large or one is slow. */
describe.each(DIALECTS)('the watchers of agent-orchestrator on %s', (dialect) => {
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

  it('are whole and in order, where an event is larger than the log takes', async () => {
    const socket = await connect();
    const session = await make();
    const id = session.session_id;
    const large = (letter: string) => `${letter}${'ä"'.repeat(150_000)}`;
    const sent = [
      await send(id, 'pre_tool', { tool_name: 'Read', tool_input: { file_path: '/x', text: large('i') } }),
      await send(id, 'message', { role: 'user', content: text('small') }),
      await send(id, 'post_tool', { tool_name: 'Read', tool_output: { lines: Array.from({ length: 20_000 }, (_, index) => index) } }),
      await send(id, 'post_tool', { tool_name: 'Read', tool_output: large('o'), error: large('e') }),
      await send(id, 'message', { role: 'assistant', content: large('a') }),
      await send(id, 'message', { role: 'assistant', content: [{ type: 'thinking', thinking: large('t') }, ...text(large('b'))] }),
    ];
    const stop = await send(id, 'session_stop');
    const frames = await socket.untilTold(sent.length + 3);
    expect(frames).toEqual([
      { type: 'session_created', session },
      ...sent.map(told),
      { type: 'session_updated', session: { ...session, status: 'finished' } },
      told(stop),
    ]);
    const { events } = (await own.get(`/sessions/${id}/events`)).body;
    expect(events.map(({ id: _, ...each }: any) => each)).toEqual(
      [...sent, stop].map((each) => {
        const { session_name: _, ...data } = told(each).data as any;
        return data;
      }),
    );
    expect((await own.get(`/sessions/${id}/result`)).body).toEqual({ detail: 'No result found' });
    await send(id, 'message', { role: 'assistant', content: text(large('r')) });
    expect((await own.get(`/sessions/${id}/result`)).body).toEqual({ result: large('r') });
  });

  it('hold up nobody else where one takes nothing, and give it all later', async () => {
    const limits: any = app.get(RealtimeLimits);
    const before = limits.liveBytes;
    limits.liveBytes = 16 * 1024;
    try {
      const session = await make();
      const slow = await connect();
      const quick = await connect();
      slow.socket.pause();
      const large = 'x'.repeat(60_000);
      const count = 200;
      for (let i = 0; i < count; i++) await send(session.session_id, 'message', { role: 'user', content: text(`${i} ${large}`) });
      await quick.untilTold(count);
      expect(slow.told.length).toBeLessThan(count);
      slow.socket.resume();
      const numbers = (await slow.untilTold(count)).map(({ data }) => Number(data.content[0].text.split(' ')[0]));
      expect(numbers).toEqual(Array.from({ length: count }, (_, index) => index));
    } finally {
      limits.liveBytes = before;
    }
  });

  describe('access', () => {
    it('is asked for at the door', async () => {
      const nobody = new AoClient(`${app.url}/compat/agent-orchestrator`);
      await expect(nobody.socket()).rejects.toThrow(/^401 \{"detail":"/);
      await expect(AoClient.withKey(app.url, 'mst_pat_wrong').socket()).rejects.toThrow(/^401 \{"detail":"/);
      await expect(own.socket({ origin: 'http://evil.example' })).rejects.toThrow(/^403 \{"detail":"/);
      const narrow = await giveKey(app, { principalId: 'user:narrow', scopes: ['events:append'] });
      await expect(AoClient.withKey(app.url, narrow.secret).socket()).rejects.toThrow(/^403 \{"detail":"/);
    });

    it('shows only what may be seen', async () => {
      const socket = await connect(AoClient.withKey(app.url, (await giveKey(app, { principalId: 'user:stranger' })).secret));
      const session = await make();
      await send(session.session_id, 'session_stop');
      const mine = aoEvent(randomUUID(), 'session_start');
      await AoClient.withKey(app.url, (await giveKey(app, { principalId: 'user:stranger' })).secret).post('/events', mine);
      expect(await socket.untilTold(1)).toEqual([told(mine)]);
    });

    it('comes and goes with membership, and ends with the key', async () => {
      const workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, `m-${Math.random()}`);
      const { id } = (await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId: workspace.id, name: 'shared' } }))
        .body;
      const key = await giveKey(app, { principalId: 'user:guest' });
      const socket = await connect(AoClient.withKey(app.url, key.secret));
      expect(socket.init).toEqual([]);
      await setMember(app, workspace.id, 'user:guest', 'viewer');
      expect(await socket.untilTold(1)).toMatchObject([{ type: 'session_created', session: { session_id: id, session_name: 'shared' } }]);
      const say = (value: string) =>
        app.call('POST', `/api/sessions/${id}/events`, { body: { type: 'message', payload: { role: 'user', content: text(value) } } });
      await say('seen');
      expect((await socket.untilTold(2))[1].data).toMatchObject({ session_id: id, content: text('seen') });
      await app.call('DELETE', `/api/workspaces/${workspace.id}/members/user:guest`);
      expect((await socket.untilTold(3))[2]).toEqual({ type: 'session_deleted', session_id: id });
      await say('not seen');
      await setMember(app, workspace.id, 'user:guest', 'viewer');
      expect((await socket.untilTold(4))[3]).toMatchObject({ type: 'session_created', session: { session_id: id } });
      await say('seen again');
      expect((await socket.untilTold(5)).slice(4)).toMatchObject([{ data: { content: text('seen again') } }]);
      await revokeKey(app, key.id);
      await eventually(() => socket.closed === 4401);
    });
  });

  it('end with a close where a log is numbered anew, so that the client begins anew', async () => {
    const session = await make();
    const socket = await connect();
    await send(session.session_id, 'message', { role: 'user', content: text('x') });
    await socket.untilTold(1);
    const { id } = (await app.call('GET', `/api/sessions?q=${session.session_name}`)).body.items[0];
    await app
      .get(UnitOfWork)
      .run(async (work) => void (await work.query("update session_heads set epoch = 'ffffffff' where session_id = ?", [id])));
    await send(session.session_id, 'message', { role: 'user', content: text('y') });
    await eventually(() => socket.closed === 1013);
    expect(app.get(Database).dialect).toBe(dialect);
  });
});
