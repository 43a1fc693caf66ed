import { randomUUID } from 'node:crypto';
import { aoCalls, AoClient, aoEvent, keysOf, stamp, STORED_KEYS, text } from '../support/ao-client.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { giveKey, setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';

/** What clients of the contract do one after the other, and what others may see of it. */
describe.each(DIALECTS)('the flows of agent-orchestrator on %s', (dialect) => {
  let app: TestApp;
  let ao: AoClient;
  const { newId, make, send, statusOf, refused } = aoCalls(() => ao);

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    ao = AoClient.withKey(app.url, app.key);
  });
  afterAll(() => app?.close());

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
