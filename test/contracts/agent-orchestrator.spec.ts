import { randomUUID } from 'node:crypto';
import { AoClient, aoEvent, keysOf, SESSION_KEYS, stamp, STORED_KEYS, text } from '../support/ao-client.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { giveKey, setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';

/** Every route of the contract, as its clients call it: each answer, to the letter. */
describe.each(DIALECTS)('the contract of agent-orchestrator on %s', (dialect) => {
  let app: TestApp;
  let ao: AoClient;
  let drawn = 0;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    ao = AoClient.withKey(app.url, app.key);
  });
  afterAll(() => app?.close());

  const newId = (): string => `ao-${++drawn}-${randomUUID()}`;
  const make = async (fields: object = {}): Promise<string> => {
    const id = newId();
    const { status } = await ao.post('/sessions', { session_id: id, session_name: `name-of-${id}`, ...fields });
    expect(status).toBe(200);
    return id;
  };
  const send = async (id: string, eventType: string, fields: object = {}) => {
    const answer = await ao.post(`/sessions/${id}/events`, aoEvent(id, eventType, fields));
    expect([answer.status, answer.body]).toEqual([200, { ok: true }]);
  };
  const statusOf = async (id: string) => (await ao.get(`/sessions/${id}/status`)).body;
  const refused = async (method: string, path: string, body?: unknown) => {
    const { status, body: answer } = await ao.call(method, path, body);
    return [status, answer];
  };

  describe('POST /sessions', () => {
    it('makes a session that is running, and answers with the whole row', async () => {
      const id = newId();
      const { status, body } = await ao.post('/sessions', {
        session_id: id,
        session_name: 'a name',
        project_dir: '/tmp',
        agent_name: 'worker',
      });
      expect(status).toBe(200);
      expect(keysOf(body)).toEqual(['ok', 'session']);
      expect(keysOf(body.session)).toEqual(SESSION_KEYS);
      expect(body).toEqual({
        ok: true,
        session: {
          session_id: id,
          session_name: 'a name',
          status: 'running',
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/),
          project_dir: '/tmp',
          agent_name: 'worker',
          last_resumed_at: null,
        },
      });
      expect((await ao.get(`/sessions/${id}`)).body).toEqual({ session: body.session });
      const own = await app.call('GET', `/api/sessions/ext:${id}`);
      expect(own.body).toMatchObject({
        runtime: 'external',
        origin: 'reported',
        externalId: id,
        name: 'a name',
        agent: 'worker',
        projectDir: '/tmp',
      });
    });

    it('has null where nothing was said, and lets fields through that it does not know', async () => {
      const id = newId();
      const { body } = await ao.post('/sessions', { session_id: id, session_name: 'n', project_dir: null, parent_session_name: 'other' });
      expect(body.session).toMatchObject({ project_dir: null, agent_name: null, last_resumed_at: null });
      expect(keysOf(body.session)).toEqual(SESSION_KEYS);
    });

    it('answers 409 where there is one of this id', async () => {
      const id = await make();
      expect(await refused('POST', '/sessions', { session_id: id, session_name: 'again' })).toEqual([
        409,
        { detail: 'Session already exists' },
      ]);
      const { session } = (await ao.get(`/sessions/${id}`)).body;
      expect(session.session_name).toBe(`name-of-${id}`);
    });

    it('lets one of many at once through, and never fails', async () => {
      const id = newId();
      const answers = await Promise.all(Array.from({ length: 20 }, () => ao.post('/sessions', { session_id: id, session_name: 'race' })));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
      const { sessions } = (await ao.get('/sessions')).body;
      expect(sessions.filter((each: any) => each.session_id === id)).toHaveLength(1);
    });

    it.each([
      ['no body', undefined, [{ loc: ['body'], msg: 'Field required', type: 'missing' }]],
      ['no JSON', '{"session_id": ', [{ loc: ['body', 0], msg: 'JSON decode error', type: 'json_invalid' }]],
      ['a list', [], [{ loc: ['body'], msg: 'Input should be a valid dictionary or object', type: 'model_attributes_type' }]],
      [
        'nothing in it',
        {},
        [
          { loc: ['body', 'session_id'], msg: 'Field required', type: 'missing' },
          { loc: ['body', 'session_name'], msg: 'Field required', type: 'missing' },
        ],
      ],
      [
        'wrong types',
        { session_id: 5, session_name: null, project_dir: 7 },
        [
          { loc: ['body', 'session_id'], msg: 'Input should be a valid string', type: 'string_type' },
          { loc: ['body', 'session_name'], msg: 'Input should be a valid string', type: 'string_type' },
          { loc: ['body', 'project_dir'], msg: 'Input should be a valid string', type: 'string_type' },
        ],
      ],
      ['a NUL', { session_id: 'a\u0000b', session_name: 'n' }, [expect.objectContaining({ loc: ['body', 'session_id'] })]],
      ['a long id', { session_id: 'x'.repeat(257), session_name: 'n' }, [expect.objectContaining({ type: 'string_too_long' })]],
      ['a deep one', { session_id: 'deep', session_name: 'n', more: nested(70) }, [expect.objectContaining({ loc: ['body'] })]],
    ])('answers 422 to %s', async (_name, body, detail) => {
      expect(await refused('POST', '/sessions', body)).toEqual([422, { detail }]);
    });
  });

  describe('reading sessions', () => {
    it('lists all of them, newest first', async () => {
      const ids = [await make(), await make(), await make()];
      const { status, body } = await ao.get('/sessions');
      expect([status, keysOf(body)]).toEqual([200, ['sessions']]);
      const found = body.sessions.map((each: any) => each.session_id).filter((each: string) => ids.includes(each));
      expect(found).toEqual([...ids].reverse());
      for (const each of body.sessions) expect(keysOf(each)).toEqual(SESSION_KEYS);
    });

    it('pages nothing: more than one page of ours is one list of theirs', async () => {
      const { body: before } = await ao.get('/sessions');
      await Promise.all(Array.from({ length: 230 }, () => make()));
      const { body } = await ao.get('/sessions');
      expect(body.sessions.length).toBe(before.sessions.length + 230);
      expect(new Set(body.sessions.map((each: any) => each.session_id)).size).toBe(body.sessions.length);
    });

    it('answers 404 to what is not there', async () => {
      for (const id of ['nobody', 'ext:nobody', '%F0%9F%A6%8A', 'a%2Fb', 'x'.repeat(290)])
        expect([id, await refused('GET', `/sessions/${id}`)]).toEqual([id, [404, { detail: 'Session not found' }]]);
      expect(await refused('GET', '/nowhere')).toEqual([404, { detail: 'Not Found' }]);
    });

    it('takes any text for an id', async () => {
      for (const id of ['a/b?c#d', 'mit leer', 'ext:mine', '🦊', 'by-name', 'x'.repeat(256)].map((each) => each.slice(0, 200) + drawn++)) {
        expect((await ao.post('/sessions', { session_id: id, session_name: 'odd' })).status).toBe(200);
        expect((await ao.get(`/sessions/${encodeURIComponent(id)}`)).body.session.session_id).toBe(id);
        await ao.post(`/sessions/${encodeURIComponent(id)}/events`, aoEvent(id, 'session_stop'));
        expect((await ao.get(`/sessions/${encodeURIComponent(id)}/status`)).body).toEqual({ status: 'finished' });
      }
    });

    it('finds the newest by its name', async () => {
      const name = `named_${drawn++}%`;
      await make({ session_name: name });
      const newest = await make({ session_name: name });
      await make({ session_name: `${name}x` });
      expect((await ao.get(`/sessions/by-name/${encodeURIComponent(name)}`)).body.session).toMatchObject({
        session_id: newest,
        session_name: name,
      });
      expect(await refused('GET', '/sessions/by-name/nobody')).toEqual([404, { detail: 'Session not found' }]);
    });

    it('tells the status of everything, also of what is not there', async () => {
      const id = await make();
      expect(await statusOf(id)).toEqual({ status: 'running' });
      await send(id, 'session_stop');
      expect(await statusOf(id)).toEqual({ status: 'finished' });
      const { status, body } = await ao.get('/sessions/nobody/status');
      expect([status, body]).toEqual([200, { status: 'not_existent' }]);
    });

    it('is healthy, for everybody', async () => {
      const { status, body } = await new AoClient(`${app.url}/compat/agent-orchestrator`).get('/health');
      expect([status, body]).toEqual([200, { status: 'healthy' }]);
    });
  });

  describe('GET /sessions/{id}/result', () => {
    it('is the first text of what the assistant said last, by time', async () => {
      const id = await make();
      const [early, late] = [stamp(), stamp()];
      await send(id, 'message', { role: 'assistant', content: [...text('the last'), ...text('and more')], timestamp: late });
      await send(id, 'message', { role: 'assistant', content: text('sent later, said before'), timestamp: early });
      await send(id, 'message', { role: 'user', content: text('thanks') });
      await send(id, 'session_stop', { exit_code: 0, reason: 'completed' });
      const { status, body } = await ao.get(`/sessions/${id}/result`);
      expect([status, body]).toEqual([200, { result: 'the last' }]);
    });

    it('is whole, however long, and so is what its tools said', async () => {
      const id = await make();
      const [answer, output] = ['a long answer '.repeat(10_000), { stdout: 'much '.repeat(30_000), code: 0 }];
      await send(id, 'post_tool', { tool_name: 'Bash', tool_input: { command: 'x' }, tool_output: output });
      await send(id, 'message', { role: 'assistant', content: text(answer) });
      await send(id, 'session_stop');
      expect((await ao.get(`/sessions/${id}/result`)).body.result === answer).toBe(true);
      const { events } = (await ao.get(`/sessions/${id}/events`)).body;
      const of = (type: string) => events.find(({ event_type }: any) => event_type === type);
      expect(of('post_tool').tool_output).toEqual(output);
      expect(of('message').content).toEqual(text(answer));
    });

    it('is a text where a text was sent', async () => {
      const id = await make();
      await send(id, 'session_stop');
      await send(id, 'message', { role: 'assistant', content: 'just a text' });
      expect((await ao.get(`/sessions/${id}/result`)).body).toEqual({ result: 'just a text' });
    });

    it('is not there before the end, without a word, or without a session', async () => {
      const id = await make();
      await send(id, 'message', { role: 'assistant', content: text('Hello') });
      expect(await refused('GET', `/sessions/${id}/result`)).toEqual([404, { detail: 'Session not finished' }]);
      const silent = await make();
      await send(silent, 'message', { role: 'user', content: text('anybody?') });
      await send(silent, 'session_stop');
      expect(await refused('GET', `/sessions/${silent}/result`)).toEqual([404, { detail: 'No result found' }]);
      await send(silent, 'message', { role: 'assistant', content: [{ type: 'image', source: 'x' }] });
      expect(await refused('GET', `/sessions/${silent}/result`)).toEqual([404, { detail: 'No result found' }]);
      expect(await refused('GET', '/sessions/nobody/result')).toEqual([404, { detail: 'Session not found' }]);
    });
  });

  describe('events', () => {
    /** What was sent, as it must be read back. */
    const readBack = ({ session_name: _, ...event }: any) => ({
      id: expect.any(Number),
      tool_name: null,
      tool_input: null,
      tool_output: null,
      error: null,
      exit_code: null,
      reason: null,
      role: null,
      content: null,
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

  describe('PATCH', () => {
    it.each(['/metadata', ''])('sessions/{id}%s changes what is named, and nothing else', async (tail) => {
      const id = await make({ project_dir: '/a' });
      const { status, body } = await ao.call('PATCH', `/sessions/${id}${tail}`, { session_name: 'better', agent_name: 'coder' });
      expect([status, keysOf(body), keysOf(body.session)]).toEqual([200, ['ok', 'session'], SESSION_KEYS]);
      expect(body.session).toMatchObject({
        session_id: id,
        session_name: 'better',
        agent_name: 'coder',
        project_dir: '/a',
        last_resumed_at: null,
      });
      const nothing = await ao.call('PATCH', `/sessions/${id}${tail}`, { session_name: null, project_dir: null, unknown: 1 });
      expect(nothing).toMatchObject({ status: 200, body: { ok: true, session: body.session } });
      expect((await ao.get(`/sessions/${id}`)).body.session).toEqual(body.session);
      expect(await refused('PATCH', `/sessions/nobody${tail}`, { session_name: 'x' })).toEqual([404, { detail: 'Session not found' }]);
      expect(await refused('PATCH', `/sessions/${id}${tail}`, { session_name: 5 })).toEqual([
        422,
        { detail: [{ loc: ['body', 'session_name'], msg: 'Input should be a valid string', type: 'string_type' }] },
      ]);
    });

    it('keeps when it was resumed, to the letter, and the session is running again', async () => {
      const id = await make();
      await send(id, 'session_stop', { exit_code: 0, reason: 'completed' });
      const at = '2025-12-01T10:00:00.123456+00:00';
      const { body } = await ao.call('PATCH', `/sessions/${id}/metadata`, { last_resumed_at: at });
      expect(body.session).toMatchObject({ last_resumed_at: at, status: 'running' });
      expect(await statusOf(id)).toEqual({ status: 'running' });
      expect((await app.call('GET', `/api/sessions/ext:${id}`)).body).toMatchObject({
        status: 'running',
        lastResumedAt: '2025-12-01T10:00:00.123Z',
      });
    });
  });

  describe('the states of a session', () => {
    it('is running from session_start to session_stop, over both ways in', async () => {
      const id = await make();
      const steps: [string, string, string][] = [
        [`/sessions/${id}/events`, 'session_stop', 'finished'],
        [`/sessions/${id}/events`, 'session_start', 'running'],
        ['/events', 'session_stop', 'finished'],
        ['/events', 'session_start', 'running'],
        [`/sessions/${id}/events`, 'session_start', 'running'],
        ['/events', 'session_stop', 'finished'],
        ['/events', 'session_stop', 'finished'],
      ];
      for (const [path, type, status] of steps) {
        expect((await ao.post(path, aoEvent(id, type))).body).toEqual({ ok: true });
        expect([path, type, (await statusOf(id)).status]).toEqual([path, type, status]);
      }
    });

    it('stays finished by what is told of the turn behind its end, and runs again by what begins', async () => {
      const id = await make();
      await send(id, 'session_stop');
      await send(id, 'message', { role: 'assistant', content: text('the answer') });
      await send(id, 'message', { role: 'user', content: 'out of a transcript' });
      await send(id, 'post_tool', { tool_name: 'late' });
      expect(await statusOf(id)).toEqual({ status: 'finished' });
      await send(id, 'message', { role: 'user', content: text('one more thing') });
      expect(await statusOf(id)).toEqual({ status: 'running' });
      await send(id, 'session_stop');
      await send(id, 'pre_tool', { tool_name: 'Read' });
      expect(await statusOf(id)).toEqual({ status: 'running' });
    });

    it('is stopped by POST …/stop, as often as one likes', async () => {
      const id = await make();
      const name = `name-of-${id}`;
      expect((await ao.post(`/sessions/${id}/stop`)).body).toEqual({ ok: true, session_id: id, session_name: name, status: 'stopped' });
      expect((await ao.post(`/sessions/${id}/stop`)).body).toEqual({ ok: true, session_id: id, session_name: name, status: 'finished' });
      expect(await statusOf(id)).toEqual({ status: 'finished' });
      // Its agent is not ours: what it still reports is kept.
      await send(id, 'post_tool', { tool_name: 'Read' });
      expect(await refused('POST', '/sessions/nobody/stop')).toEqual([404, { detail: 'Session not found' }]);
    });

    it('takes nothing more where it was ended by other means', async () => {
      const id = await make();
      await app.call('POST', `/api/sessions/ext:${id}/stop`);
      expect(await statusOf(id)).toEqual({ status: 'finished' });
      expect((await ao.post('/events', aoEvent(id, 'session_start'))).status).toBe(409);
      expect((await ao.post(`/sessions/${id}/events`, aoEvent(id, 'message'))).body).toEqual({ detail: expect.any(String) });
      expect((await ao.call('PATCH', `/sessions/${id}/metadata`, { last_resumed_at: stamp() })).body.session.status).toBe('finished');
    });
  });

  it('DELETE /sessions/{id} deletes it with its events, and counts them', async () => {
    const id = await make();
    for (let i = 0; i < 3; i++) await send(id, 'message', { role: 'user', content: text('x') });
    await send(id, 'session_stop');
    const { status, body } = await ao.call('DELETE', `/sessions/${id}`);
    expect([status, body]).toEqual([200, { ok: true, session_id: id, deleted: { session: true, events_count: 4 } }]);
    expect(await refused('DELETE', `/sessions/${id}`)).toEqual([404, { detail: 'Session not found' }]);
    expect((await ao.get(`/events/${id}`)).body).toEqual({ events: [] });
    expect(await statusOf(id)).toEqual({ status: 'not_existent' });
    expect((await ao.post('/sessions', { session_id: id, session_name: 'anew' })).status).toBe(200);
    expect((await ao.get(`/sessions/${id}/events`)).body).toEqual({ events: [] });
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

  it('the flow of the hooks of Claude Code: prompt, tools, stop, and then the answer', async () => {
    const id = randomUUID();
    const hook = (eventType: string, fields: object = {}) =>
      ao.post('/events', { event_type: eventType, session_id: id, session_name: id, timestamp: stamp(), ...fields });
    await hook('session_start');
    await hook('message', { role: 'user', content: text('list the files') });
    await hook('pre_tool', { tool_name: 'Bash', tool_input: { command: 'ls' } });
    await hook('post_tool', { tool_name: 'Bash', tool_input: { command: 'ls' }, tool_output: { stdout: 'a', stderr: '' }, error: null });
    await hook('session_stop');
    await hook('message', { role: 'assistant', content: 'There is one file: a.' });
    expect(await statusOf(id)).toEqual({ status: 'finished' });
    expect((await ao.get(`/sessions/${id}/result`)).body).toEqual({ result: 'There is one file: a.' });
    await hook('message', { role: 'user', content: text('thanks') });
    expect(await statusOf(id)).toEqual({ status: 'running' });
    await hook('session_stop');
    await hook('message', { role: 'assistant', content: text('You are welcome.') });
    expect((await ao.get(`/sessions/${id}/result`)).body).toEqual({ result: 'You are welcome.' });
    expect((await ao.get(`/events/${id}`)).body.events.map((each: any) => each.event_type)).toEqual([
      'session_start',
      'message',
      'pre_tool',
      'post_tool',
      'session_stop',
      'message',
      'message',
      'session_stop',
      'message',
    ]);
  });

  it('the flow of the commands: new, status, result, resume, list, clean', async () => {
    const own = AoClient.withKey(app.url, (await giveKey(app, { principalId: 'user:commands' })).secret);
    const id = randomUUID();
    // ao-new
    await own.post('/sessions', { session_id: id, session_name: 'my-task', project_dir: '/w', agent_name: 'researcher' });
    await own.post(`/sessions/${id}/events`, aoEvent(id, 'message', { role: 'user', content: text('go') }));
    await own.post(
      `/sessions/${id}/events`,
      aoEvent(id, 'post_tool', { tool_name: 'Read', tool_input: {}, tool_output: 'x', error: null }),
    );
    await own.post(`/sessions/${id}/events`, aoEvent(id, 'message', { role: 'assistant', content: text('done') }));
    await own.post(`/sessions/${id}/events`, aoEvent(id, 'session_stop', { exit_code: 0, reason: 'completed' }));
    // ao-status, ao-get-result: by name
    const find = async () => (await own.get('/sessions')).body.sessions.find((each: any) => each.session_name === 'my-task');
    expect((await own.get(`/sessions/${(await find()).session_id}/status`)).body).toEqual({ status: 'finished' });
    expect((await own.get(`/sessions/${id}/result`)).body).toEqual({ result: 'done' });
    // ao-resume
    const resumedAt = stamp();
    await own.call('PATCH', `/sessions/${id}/metadata`, { last_resumed_at: resumedAt });
    expect(await find()).toMatchObject({ status: 'running', last_resumed_at: resumedAt, agent_name: 'researcher', project_dir: '/w' });
    await own.post(`/sessions/${id}/events`, aoEvent(id, 'message', { role: 'assistant', content: text('done again') }));
    await own.post(`/sessions/${id}/events`, aoEvent(id, 'session_stop', { exit_code: 0, reason: 'completed' }));
    expect((await own.get(`/sessions/${id}/result`)).body).toEqual({ result: 'done again' });
    // ao-clean
    for (const each of (await own.get('/sessions')).body.sessions)
      expect((await own.call('DELETE', `/sessions/${each.session_id}`)).status).toBe(200);
    expect((await own.get('/sessions')).body).toEqual({ sessions: [] });
  });

  describe('sessions made in other ways', () => {
    it('are there too, with our id, and what they can tell', async () => {
      const { body } = await app.call('POST', '/api/sessions', {
        body: { runtime: 'external', externalId: 'theirs', name: 'Canonical', agentName: 'bot' },
      });
      const row = (await ao.get(`/sessions/${body.id}`)).body.session;
      expect(row).toMatchObject({
        session_id: body.id,
        session_name: 'Canonical',
        status: 'running',
        agent_name: 'bot',
        project_dir: null,
      });
      await app.call('POST', `/api/sessions/${body.id}/events`, {
        body: {
          events: [
            { type: 'message', payload: { role: 'assistant', content: text('hi') }, occurredAt: '2026-01-01T00:00:00.000Z' },
            { type: 'thought', payload: { content: text('quiet') } },
            {
              type: 'tool_call',
              payload: {
                toolCallId: '1',
                title: 'Run',
                kind: 'execute',
                status: 'pending',
                rawInput: { a: 1 },
                locations: [],
                content: [],
              },
            },
            { type: 'tool_update', payload: { toolCallId: '1', status: 'in_progress' } },
            { type: 'tool_update', payload: { toolCallId: '1', title: 'Run', status: 'completed', rawOutput: 'ok' } },
            { type: 'session_stop', payload: { reason: 'over', exitCode: 0 } },
          ],
        },
      });
      expect(await statusOf(body.id)).toEqual({ status: 'finished' });
      expect((await ao.get(`/sessions/${body.id}/result`)).body).toEqual({ result: 'hi' });
      const { events } = (await ao.get(`/sessions/${body.id}/events`)).body;
      for (const each of events) expect(keysOf(each)).toEqual(STORED_KEYS);
      expect(events).toMatchObject([
        { event_type: 'message', role: 'assistant', content: text('hi'), timestamp: '2026-01-01T00:00:00.000000+00:00' },
        { event_type: 'pre_tool', tool_name: 'Run', tool_input: { a: 1 } },
        { event_type: 'post_tool', tool_name: 'Run', tool_output: 'ok', error: null },
        { event_type: 'session_stop', reason: 'over', exit_code: 0 },
      ]);
    });

    it('start and stop by Muster only, where their agent is ours', async () => {
      const workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'ours');
      const { body } = await app.call('POST', '/api/sessions', { body: { workspaceId: workspace.id, agent: 'demo', launch: false } });
      expect((await ao.get(`/sessions/${body.id}`)).body.session).toMatchObject({
        session_id: body.id,
        status: 'running',
        agent_name: 'demo',
      });
      expect((await ao.post('/events', aoEvent(body.id, 'session_stop'))).status).toBe(409);
      expect((await ao.call('PATCH', `/sessions/${body.id}`, { session_name: 'named' })).body.session.session_name).toBe('named');
      expect((await ao.post(`/sessions/${body.id}/stop`)).body).toMatchObject({ ok: true, session_id: body.id, status: 'stopped' });
      expect((await ao.call('DELETE', `/sessions/${body.id}`)).status).toBe(200);
    });
  });

  describe('access', () => {
    it('holds as everywhere: 401 without, 404 of others, 403 for viewers, in the form of the contract', async () => {
      const nobody = new AoClient(`${app.url}/compat/agent-orchestrator`);
      const id = await make();
      for (const [method, path, body] of [
        ['GET', '/sessions', undefined],
        ['POST', '/sessions', { session_id: 'x', session_name: 'x' }],
        ['GET', `/sessions/${id}`, undefined],
        ['POST', '/events', aoEvent(id, 'message')],
        ['DELETE', `/sessions/${id}`, undefined],
      ] as const)
        expect([path, await nobody.call(method, path, body)]).toMatchObject([path, { status: 401, body: { detail: expect.any(String) } }]);

      const ada = AoClient.withKey(app.url, (await giveKey(app, { principalId: 'user:ada' })).secret);
      expect((await ada.get(`/sessions/${id}`)).body).toEqual({ detail: 'Session not found' });
      expect((await ada.get(`/sessions/${id}/status`)).body).toEqual({ status: 'not_existent' });
      expect((await ada.get(`/events/${id}`)).body).toEqual({ events: [] });
      expect((await ada.get('/sessions')).body).toEqual({ sessions: [] });
      // Ids are everybody's own.
      expect((await ada.post('/sessions', { session_id: id, session_name: 'hers' })).status).toBe(200);
      expect((await ada.get(`/sessions/${id}`)).body.session.session_name).toBe('hers');
      expect((await ao.get(`/sessions/${id}`)).body.session.session_name).toBe(`name-of-${id}`);

      const workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'shared');
      await setMember(app, workspace.id, 'user:ada', 'viewer');
      const shared = (await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId: workspace.id } })).body.id;
      expect((await ada.get(`/sessions/${shared}`)).status).toBe(200);
      for (const [method, path, body] of [
        ['POST', `/sessions/${shared}/events`, aoEvent(shared, 'message')],
        ['POST', '/events', aoEvent(shared, 'session_stop')],
        ['PATCH', `/sessions/${shared}`, { session_name: 'x' }],
        ['POST', `/sessions/${shared}/stop`, undefined],
        ['DELETE', `/sessions/${shared}`, undefined],
      ] as const)
        expect([path, await ada.call(method, path, body)]).toMatchObject([path, { status: 403, body: { detail: expect.any(String) } }]);
    });

    it('asks for its permissions: who may only append makes no session', async () => {
      const key = await giveKey(app, { principalId: 'user:appender', scopes: ['events:append'] });
      const appender = AoClient.withKey(app.url, key.secret);
      expect((await appender.post('/events', aoEvent(newId(), 'session_start'))).status).toBe(404);
      expect((await appender.post('/sessions', { session_id: 'x', session_name: 'x' })).status).toBe(403);
    });
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}
