import { aoCalls, AoClient, aoEvent, keysOf, SESSION_KEYS, stamp, text } from '../support/ao-client.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';

/** Sessions by the contract, as its clients call it: each answer, to the letter. */
describe.each(DIALECTS)('the sessions of agent-orchestrator on %s', (dialect) => {
  let app: TestApp;
  let ao: AoClient;
  let drawn = 0;
  const { newId, make, send, statusOf, refused } = aoCalls(() => ao);

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    ao = AoClient.withKey(app.url, app.key);
  });
  afterAll(() => app?.close());

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
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}
