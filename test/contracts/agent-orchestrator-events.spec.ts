import { AO_SILENT, aoCalls, AoClient, aoEvent, keysOf, stamp, STORED_KEYS, text } from '../support/ao-client.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';

/** Events by the contract, as its clients send and read them: each answer, to the letter. */
describe.each(DIALECTS)('the events of agent-orchestrator on %s', (dialect) => {
  let app: TestApp;
  let ao: AoClient;
  const { newId, make, send, statusOf, refused } = aoCalls(() => ao);

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    ao = AoClient.withKey(app.url, app.key);
  });
  afterAll(() => app?.close());

  describe('events', () => {
    /** What was sent, as it must be read back. */
    const readBack = ({ session_name: _, ...event }: any) => ({
      id: expect.any(Number),
      ...AO_SILENT,
      ...event,
    });

    it('are read back as they were sent, whatever they hold', async () => {
      const id = await make();
      const sent = [
        aoEvent(id, 'session_start'),
        aoEvent(id, 'message', { role: 'user', content: text('calculate 1+1') }),
        aoEvent(id, 'message', { role: 'assistant', content: 'a text and no blocks' }),
        aoEvent(id, 'message', {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'text', text: 'two', extra: 1 },
            { type: 'tool_use', id: 't', name: 'Read', input: {} },
          ],
        }),
        aoEvent(id, 'message', { role: 'tool', content: [] }),
        aoEvent(id, 'message', {}),
        aoEvent(id, 'pre_tool', { tool_name: 'Read', tool_input: { file_path: '/x', ключ: [1, null, '\u0000'] } }),
        aoEvent(id, 'post_tool', { tool_name: 'Read', tool_input: { file_path: '/x' }, tool_output: 'contents', error: null }),
        aoEvent(id, 'post_tool', { tool_name: 'Bash', tool_input: {}, tool_output: { stdout: '', code: 0 }, error: 'failed' }),
        aoEvent(id, 'post_tool', { tool_name: null, tool_output: false, error: '' }),
        aoEvent(id, 'post_tool', { tool_output: [1, { a: null }], exit_code: 3, reason: 'odd', role: 'odd' }),
        aoEvent(id, 'session_stop', { exit_code: 0, reason: 'completed' }),
        aoEvent(id, 'session_stop', {}),
        aoEvent(id, 'something_else', { reason: 'their own' }),
      ];
      for (const each of sent) expect(await ao.post(`/sessions/${id}/events`, each)).toMatchObject({ status: 200, body: { ok: true } });
      const { status, body } = await ao.get(`/sessions/${id}/events`);
      expect([status, keysOf(body)]).toEqual([200, ['events']]);
      for (const each of body.events) expect(keysOf(each)).toEqual(STORED_KEYS);
      expect(body.events).toEqual(sent.map(readBack));
      const ids = body.events.map((each: any) => each.id);
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
      expect(new Set(ids).size).toBe(ids.length);
      expect((await ao.get(`/events/${id}`)).body).toEqual(body);
    });

    it('keep a text of any size a tool may give', async () => {
      const id = await make();
      const large = 'ä'.repeat(700_000);
      await send(id, 'post_tool', { tool_name: 'Read', tool_output: large });
      await send(id, 'message', { role: 'assistant', content: large });
      const { events } = (await ao.get(`/sessions/${id}/events`)).body;
      expect(events[0].tool_output === large).toBe(true);
      expect(events[1].content === large).toBe(true);
    });

    it('keep every key of an input, and odd characters', async () => {
      const id = await make();
      const input = '{"__proto__":{"a":1},"constructor":2,"toString":null,"":"\\u0000\\ud83e"}';
      const body = JSON.stringify(aoEvent(id, 'pre_tool', { tool_name: 'x', tool_input: {} })).replace(
        '"tool_input":{}',
        `"tool_input":${input}`,
      );
      expect((await ao.post(`/sessions/${id}/events`, body)).body).toEqual({ ok: true });
      const { events } = (await ao.get(`/sessions/${id}/events`)).body;
      expect(JSON.stringify(events[0].tool_input)).toBe(input);
    });

    it('are ours too: messages, calls and their ends, in the words of the log', async () => {
      const id = await make();
      await send(id, 'message', { role: 'user', content: text('go') });
      await send(id, 'pre_tool', { tool_name: 'Bash', tool_input: { command: 'ls' } });
      await send(id, 'post_tool', { tool_name: 'Bash', tool_input: { command: 'ls' }, tool_output: 'a b' });
      await send(id, 'post_tool', { tool_name: 'Bash', tool_input: { command: 'rm' }, error: 'no' });
      const { items } = (await app.call('GET', `/api/sessions/ext:${id}/events?type=message,tool_call,tool_update`)).body;
      const [message, call, done, failed] = items.map(({ payload }: any) => payload);
      expect(message).toMatchObject({ role: 'user', content: text('go') });
      expect(call).toMatchObject({ title: 'Bash', status: 'in_progress', rawInput: { command: 'ls' } });
      expect(done).toMatchObject({ toolCallId: call.toolCallId, status: 'completed', rawOutput: 'a b' });
      expect(failed).toMatchObject({ status: 'failed' });
      expect(failed.toolCallId).not.toBe(call.toolCallId);
    });

    it('come oldest first by their timestamps, the first hundred, or as many as are asked for', async () => {
      const id = await make();
      const times = Array.from({ length: 130 }, () => stamp());
      const shuffled = times.map((time, index) => ({ time, index })).sort((a, b) => ((a.index * 37) % 130) - ((b.index * 37) % 130));
      for (const { time, index } of shuffled) await send(id, 'message', { role: 'user', content: text(String(index)), timestamp: time });
      const at = (events: any[]) => events.map(({ timestamp }) => timestamp);
      for (const path of [`/sessions/${id}/events`, `/events/${id}`]) {
        expect(at((await ao.get(path)).body.events)).toEqual(times.slice(0, 100));
        expect(at((await ao.get(`${path}?limit=7`)).body.events)).toEqual(times.slice(0, 7));
        expect(at((await ao.get(`${path}?limit=10000`)).body.events)).toEqual(times);
        for (const limit of ['0', '10001', 'many', '-1', '1.5', ''])
          expect([limit, ...(await refused('GET', `${path}?limit=${limit}`))]).toEqual([
            limit,
            422,
            { detail: [expect.objectContaining({ loc: ['query', 'limit'] })] },
          ]);
      }
    });

    it('are new each time, because their clients give them no id', async () => {
      const id = await make();
      const event = aoEvent(id, 'message', { role: 'user', content: text('twice') });
      for (let i = 0; i < 3; i++) await ao.post(`/sessions/${id}/events`, event);
      expect((await ao.get(`/sessions/${id}/events`)).body.events).toHaveLength(3);
    });

    it('take any timestamp that is a text', async () => {
      const id = await make();
      for (const timestamp of ['2025-11-16T10:30:00.000000Z', '2025-11-16T10:30:01.000000', '2025-11-16 10:30:02', 'yesterday', ''])
        await send(id, 'message', { role: 'user', content: text('x'), timestamp });
      const { events } = (await ao.get(`/sessions/${id}/events`)).body;
      expect(events.map(({ timestamp }: any) => timestamp).slice(0, 3)).toEqual([
        '2025-11-16T10:30:00.000000Z',
        '2025-11-16T10:30:01.000000',
        '2025-11-16 10:30:02',
      ]);
      expect(events).toHaveLength(5);
    });

    it('are refused without a session, of another session, and of a wrong form', async () => {
      const id = await make();
      const other = await make();
      expect(await refused('POST', '/sessions/nobody/events', aoEvent('nobody', 'message'))).toEqual([
        404,
        { detail: 'Session not found' },
      ]);
      expect(await refused('POST', `/sessions/${id}/events`, aoEvent(other, 'message'))).toEqual([
        400,
        { detail: 'Event session_id must match URL session_id' },
      ]);
      expect(await refused('POST', `/sessions/${id}/events`, { event_type: 'message' })).toEqual([
        422,
        {
          detail: ['session_id', 'session_name', 'timestamp'].map((name) => ({
            loc: ['body', name],
            msg: 'Field required',
            type: 'missing',
          })),
        },
      ]);
      const wrong = aoEvent(id, 'message', { tool_input: [], exit_code: 'one', content: 5, error: {} });
      expect(await refused('POST', `/sessions/${id}/events`, wrong)).toEqual([
        422,
        {
          detail: [
            { loc: ['body', 'tool_input'], msg: 'Input should be a valid dictionary', type: 'dict_type' },
            { loc: ['body', 'error'], msg: 'Input should be a valid string', type: 'string_type' },
            { loc: ['body', 'exit_code'], msg: 'Input should be a valid integer', type: 'int_type' },
            { loc: ['body', 'content'], msg: 'Input should be a valid list', type: 'list_type' },
          ],
        },
      ]);
      expect(await refused('GET', '/sessions/nobody/events')).toEqual([404, { detail: 'Session not found' }]);
      expect((await ao.get('/events/nobody')).body).toEqual({ events: [] });
      expect((await ao.get(`/sessions/${id}/events`)).body).toEqual({ events: [] });
    });
  });

  describe('POST /events', () => {
    it('makes a session by session_start, and keeps what is said of one that is there', async () => {
      const id = newId();
      const event = aoEvent(id, 'session_start');
      expect(await ao.post('/events', event)).toMatchObject({ status: 200, body: { ok: true } });
      expect((await ao.get(`/sessions/${id}`)).body.session).toEqual({
        session_id: id,
        session_name: event.session_name,
        status: 'running',
        created_at: event.timestamp,
        project_dir: null,
        agent_name: null,
        last_resumed_at: null,
      });
      await ao.call('PATCH', `/sessions/${id}/metadata`, { session_name: 'mine', project_dir: '/p', agent_name: 'a' });
      await ao.post('/events', aoEvent(id, 'session_stop'));
      await ao.post('/events', aoEvent(id, 'session_start', { session_name: 'another' }));
      expect((await ao.get(`/sessions/${id}`)).body.session).toMatchObject({
        session_name: 'mine',
        project_dir: '/p',
        agent_name: 'a',
        status: 'running',
        created_at: event.timestamp,
      });
      expect((await ao.get(`/events/${id}`)).body.events).toHaveLength(3);
    });

    it('loses nothing of a session that began before its hooks', async () => {
      const id = newId();
      expect((await ao.post('/events', aoEvent(id, 'pre_tool', { tool_name: 'Read' }))).body).toEqual({ ok: true });
      expect((await ao.get(`/events/${id}`)).body.events).toMatchObject([{ event_type: 'pre_tool', tool_name: 'Read' }]);
      expect(await statusOf(id)).toEqual({ status: 'running' });
    });

    it('makes one session of many events at once', async () => {
      const id = newId();
      const answers = await Promise.all(Array.from({ length: 10 }, () => ao.post('/events', aoEvent(id, 'session_start'))));
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
      expect((await ao.get(`/events/${id}`)).body.events).toHaveLength(10);
      expect((await ao.get('/sessions')).body.sessions.filter((each: any) => each.session_id === id)).toHaveLength(1);
    });
  });
});
