import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { agentToken, giveKey } from '../support/principals.js';
import { WsClient } from '../support/ws-client.js';

describe.each(DIALECTS)('hooks of agents on %s', (dialect) => {
  let app: TestApp;
  let made = 0;

  beforeAll(async () => void (app = await TestApp.start(dialect)));
  afterAll(() => app?.close());

  const conversation = (agent = 'claude-code', key?: string, headers?: Record<string, string>) => {
    const nativeId = `native-${++made}`;
    const common = { session_id: nativeId, transcript_path: '/t.jsonl', cwd: '/home/me/project', permission_mode: 'default' };
    const find = async (): Promise<any> => (await app.call('GET', `/api/sessions/ext:${nativeId}`)).body;
    return {
      nativeId,
      find,
      send: (event: string, fields: object = {}, query = '') =>
        app.call('POST', `/api/hooks/${agent}${query}`, {
          body: { ...common, hook_event_name: event, ...fields },
          headers,
          ...(key === undefined ? {} : { key }),
        }),
      events: async (): Promise<any[]> => (await app.call('GET', `/api/sessions/ext:${nativeId}/events?limit=1000`)).body.items,
      status: (status: string) => eventually(async () => (await find()).status === status),
      pending: (): Promise<any> =>
        eventually<any>(async () => (await app.call('GET', `/api/sessions/ext:${nativeId}/approvals?status=pending`)).body?.items?.[0]),
    };
  };
  const BASH = { tool_name: 'Bash', tool_input: { command: 'make all', description: 'Build' } };

  it('make a session of a conversation, with prompt, tool calls, text and turns, live', async () => {
    const client = await WsClient.connect(app.url, { key: app.key });
    await client.request({ type: 'subscribe', all: true });
    const own = conversation();
    expect(await own.send('SessionStart', { source: 'startup', model: 'opus' })).toMatchObject({ status: 200, body: {} });
    await own.send('UserPromptSubmit', { prompt: 'Build it\nplease', prompt_id: 'p1' });
    await own.send('PreToolUse', { ...BASH, tool_use_id: 'toolu_1', effort: { level: 'high' } });
    await own.send('PostToolUse', { ...BASH, tool_use_id: 'toolu_1', tool_response: { stdout: 'built', stderr: '' }, duration_ms: 3 });
    await own.send('MessageDisplay', { message_id: 'm1', index: 0, final: false, delta: 'It is ' });
    await own.send('MessageDisplay', { message_id: 'm1', index: 1, final: true, delta: 'done.' });
    await own.send('SubagentStop', { agent_id: 'a', last_assistant_message: 'sub' });
    await own.send('Stop', { stop_hook_active: false, last_assistant_message: 'It is done.' });
    await own.status('idle');
    const session = await own.find();
    expect(session).toMatchObject({
      runtime: 'external',
      origin: 'reported',
      agent: 'claude-code',
      name: 'Build it',
      projectDir: '/home/me/project',
      agentSessionId: own.nativeId,
      lastMessagePreview: 'It is done.',
    });
    const list = await own.events();
    expect(
      list.filter(({ type }) => type !== 'status').map(({ type, turn, payload }) => [type, turn, payload.state ?? payload.role ?? '']),
    ).toEqual([
      ['session_start', null, ''],
      ['turn', 1, 'started'],
      ['message', 1, 'user'],
      ['tool_call', 1, ''],
      ['tool_update', 1, ''],
      ['message', 1, 'assistant'],
      ['claude-code.SubagentStop', 1, ''],
      ['turn', 1, 'completed'],
    ]);
    expect(list.filter(({ type }) => type !== 'status').every(({ source }) => source === 'hook')).toBe(true);
    expect(list.find(({ type }) => type === 'tool_call').payload).toMatchObject({
      title: 'Bash make all',
      hook: { effort: { level: 'high' } },
    });
    const delta: any = await client.frame((frame) => frame.type === 'delta' && frame.sessionId === session.id, 'a piece of text');
    // Pieces that come close together are sent as one.
    expect(delta).toMatchObject({ blockId: 'hook:m1', offset: 0, text: expect.stringMatching(/^It is /) });

    await own.send('UserPromptSubmit', { prompt: 'again' });
    await own.send('MessageDisplay', { message_id: 'm2', index: 0, final: false, delta: 'I was ab' });
    await own.send('UserPromptSubmit', { prompt: 'no, this' });
    await own.send('SessionEnd', { reason: 'prompt_input_exit' });
    await own.status('suspended');
    const turns = (await own.events()).filter(({ type }) => type === 'turn').map(({ turn, payload }) => `${turn} ${payload.state}`);
    expect(turns.slice(2)).toEqual(['2 started', '2 cancelled', '3 started', '3 cancelled']);
    expect((await own.events()).filter(({ payload }) => payload.truncated)).toMatchObject([
      { type: 'message', turn: 2, payload: { blockId: 'hook:m2', content: [{ type: 'text', text: 'I was ab' }] } },
    ]);
    await own.send('SessionStart', { source: 'resume' });
    await own.status('running');
    await client.close();
  });

  it('keep what they do not understand, and answer what is none as if it were', async () => {
    const own = conversation('my-agent');
    expect(await own.send('SomethingNew', { deep: { er: [1, 2] } })).toMatchObject({ status: 200, body: {} });
    await eventually(async () => (await own.events())?.some(({ type }) => type === 'my-agent.SomethingNew'));
    for (const body of [[], 'text', {}, { hook_event_name: 'Stop' }, { session_id: 7, hook_event_name: 'Stop' }, null])
      expect(await app.call('POST', '/api/hooks/claude-code', { raw: JSON.stringify(body) })).toMatchObject({ status: 200, body: {} });
    expect(await app.call('POST', '/api/hooks/No_Such', { body: {} })).toMatchObject({ status: 404 });
    expect(await app.call('POST', '/api/hooks/codex', { body: {}, key: null })).toMatchObject({ status: 401 });
    // An agent whose session has ended goes on all the same.
    await app.call('POST', `/api/sessions/ext:${own.nativeId}/stop`);
    expect(await own.send('Stop')).toMatchObject({ status: 200, body: {} });
  });

  it('that ask are held until people have decided, and bring the decision in the form of the agent', async () => {
    const own = conversation();
    await own.send('UserPromptSubmit', { prompt: 'go' });
    await own.send('PreToolUse', { ...BASH, tool_use_id: 'toolu_9' });
    const held = own.send('PermissionRequest', { ...BASH, permission_suggestions: [{ type: 'setMode' }] }, '?wait=60');
    const asked = await own.pending();
    expect(asked).toMatchObject({
      title: 'Bash make all',
      kind: 'execute',
      toolCallId: 'toolu_9',
      detail: { rawInput: BASH.tool_input },
      takesEdits: true,
      expiresAt: expect.any(String),
    });
    expect((await own.find()).status).toBe('awaiting_approval');
    const body = { optionId: 'allow_always', edits: { command: 'make some' } };
    expect((await app.call('POST', `/api/approvals/${asked.id}/decide`, { body })).status).toBe(200);
    expect(await held).toMatchObject({
      status: 200,
      body: {
        hookSpecificOutput: {
          hookEventName: 'PermissionRequest',
          decision: { behavior: 'allow', updatedInput: { command: 'make some' }, updatedPermissions: [{ type: 'setMode' }] },
        },
      },
    });
    await own.status('running');
    const second = own.send(
      'PreToolUse',
      { tool_name: 'Write', tool_input: { file_path: '/a', content: 'x' }, tool_use_id: 't2' },
      '?wait=60',
    );
    const { id } = await own.pending();
    await app.call('POST', `/api/approvals/${id}/decide`, { body: { optionId: 'reject_once', text: 'not there' } });
    expect((await second).body).toEqual({
      hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: 'not there' },
    });
    expect((await app.call('GET', `/api/approvals/${asked.id}`)).body.deliveredAt).toEqual(expect.any(String));
  });

  it('that ask are answered empty when nobody decides in time, or the agent went on or hung up', async () => {
    const own = conversation();
    await own.send('UserPromptSubmit', { prompt: 'go' });
    expect(await own.send('PermissionRequest', BASH, '?wait=1')).toMatchObject({ status: 200, body: {} });
    await own.send('PreToolUse', { ...BASH, tool_use_id: 'toolu_x' });
    const answeredElsewhere = own.send('PermissionRequest', BASH, '?wait=60');
    await own.pending();
    await own.send('PostToolUse', { ...BASH, tool_use_id: 'toolu_x', tool_response: 'ok' });
    expect(await answeredElsewhere).toMatchObject({ status: 200, body: {} });

    const hangUp = new AbortController();
    const left = fetch(`${app.url}/api/hooks/claude-code?wait=60`, {
      method: 'POST',
      signal: hangUp.signal,
      headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ session_id: own.nativeId, hook_event_name: 'PermissionRequest', ...BASH }),
    }).catch(() => undefined);
    const { id } = await own.pending();
    hangUp.abort();
    await left;
    await eventually(async () => (await app.call('GET', `/api/approvals/${id}`)).body.status === 'cancelled');
    expect(await app.call('POST', `/api/approvals/${id}/decide`, { body: { optionId: 'allow_once' } })).toMatchObject({ status: 409 });
    await own.status('running');
    const states = (await app.call('GET', `/api/sessions/ext:${own.nativeId}/approvals`)).body.items.map(({ status }: any) => status);
    expect(states.every((status: string) => status === 'cancelled' || status === 'expired')).toBe(true);
    expect(states).toHaveLength(3);
  });

  it('of a session that was launched join it and repeat nothing', async () => {
    const launched = (await app.call('POST', '/api/sessions', { body: { agent: 'demo', projectDir: app.database.dataDir, launch: false } }))
      .body;
    const key = await agentToken(app, launched.id);
    const own = conversation('claude-code', key);
    await own.send('UserPromptSubmit', { prompt: 'hm' });
    await own.send('PreCompact', { trigger: 'auto' });
    const list = async (): Promise<any[]> => (await app.call('GET', `/api/sessions/${launched.id}/events`)).body.items;
    await eventually(async () => (await list()).some(({ type }) => type === 'claude-code.PreCompact'));
    expect((await list()).filter(({ type }) => type === 'message' || type === 'turn')).toEqual([]);
    expect((await own.find()).code).toBe('session_not_found');
    const named = conversation('claude-code', undefined, { 'x-muster-session': launched.id });
    await named.send('PreCompact', { trigger: 'manual' });
    await eventually(async () => JSON.stringify(await list()).includes('manual'));
  });

  it('make no session for a key that may not', async () => {
    const { secret } = await giveKey(app, { principalId: 'user:narrow', scopes: ['events:append'] });
    const own = conversation('claude-code', secret);
    // What takes longer than an agent waits is answered without it.
    expect([200, 403]).toContain((await own.send('SessionStart')).status);
    expect((await own.find()).code).toBe('session_not_found');
  });

  it('are configured by a settings file, and handed on by a program of one file', async () => {
    const { status, body } = await app.call('GET', '/api/hooks/claude-code/settings?wait=100');
    expect(status).toBe(200);
    expect(body.hooks.PermissionRequest[0].hooks[0]).toMatchObject({
      type: 'http',
      url: `${app.url}/api/hooks/claude-code?wait=100`,
      timeout: 110,
    });
    expect(body.hooks.SessionStart[0].hooks[0]).toMatchObject({
      type: 'command',
      command: expect.stringContaining('hook.mjs" claude-code'),
    });
    expect(JSON.stringify(body)).not.toContain(app.key);
    const none = (await app.call('GET', '/api/hooks/claude-code/settings?permissions=none')).body.hooks;
    expect(none).not.toHaveProperty('PermissionRequest');

    const program = join(app.database.dataDir, 'hook.mjs');
    const served = await app.call('GET', '/api/hooks/forwarder');
    expect(served.headers.get('content-type')).toContain('text/javascript');
    writeFileSync(program, served.body);
    const run = (args: string[], stdin: string, env: Record<string, string> = {}) =>
      new Promise<{ code: number | null; out: string }>((resolve) => {
        const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH, MUSTER_TOKEN: app.key, ...env } });
        let out = '';
        child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
        child.once('close', (code) => resolve({ code, out }));
        child.stdin.end(stdin);
      });
    const start = JSON.stringify({ session_id: 'by-program', hook_event_name: 'SessionStart', cwd: '/x' });
    expect(await run(['claude-code'], start)).toEqual({ code: 0, out: '' });
    await eventually(async () => (await app.call('GET', '/api/sessions/ext:by-program')).body.status === 'running');
    expect(await run(['claude-code'], 'no json')).toEqual({ code: 0, out: '' });
    expect(await run(['claude-code'], start, { MUSTER_URL: 'http://127.0.0.1:9' })).toEqual({ code: 0, out: '' });
    const turn = JSON.stringify({
      type: 'agent-turn-complete',
      'thread-id': 'by-notify',
      'input-messages': ['hi'],
      'last-assistant-message': 'ho',
    });
    expect(await run(['codex', turn], '')).toEqual({ code: 0, out: '' });
    await eventually(async () => (await app.call('GET', '/api/sessions/ext:by-notify')).body.lastMessagePreview === 'ho');
  });

  it('are answered at once while they can not be written, and written when they can', async () => {
    const own = conversation();
    await own.send('SessionStart');
    await own.status('running');
    const { id } = await own.find();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const blocked = app.get(UnitOfWork).run(async (work) => {
      await app.get(EventLog).lock(work, id);
      await released;
    });
    for (const n of [1, 2, 3])
      expect(await own.send('PostToolUse', { ...BASH, tool_use_id: `t${n}`, tool_response: 'x' })).toMatchObject({ status: 200, body: {} });
    const results = async () => (await own.events()).filter(({ type }) => type === 'tool_update').map(({ payload }) => payload.toolCallId);
    expect(await results()).toEqual([]);
    release();
    await blocked;
    await eventually(async () => (await results()).length === 3);
    expect(await results()).toEqual(['t1', 't2', 't3']);
  });
});
