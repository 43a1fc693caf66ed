import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { agentToken, giveKey, setMember } from '../support/principals.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

/** Says what it was told, and fails where it was told to. */
const ECHO = `const text = process.argv[1]; process.stdout.write(text.replaceAll('\\n', '|') + '\\n'); process.exit(text.includes('break') ? 3 : 0);`;

describe.each(DIALECTS)('modes and state on %s', (dialect) => {
  let app: TestApp;
  let base: string;
  let workspaceId: string;

  beforeAll(async () => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'muster-modes-')));
    const [agents, modes] = [join(base, 'agents.json'), join(base, 'modes.json')];
    const echo = { name: 'echo', runtime: 'process', command: [process.execPath, '-e', ECHO, '{prompt}'] };
    writeFileSync(agents, JSON.stringify({ agents: [echo] }));
    const own = {
      id: 'house',
      label: 'House',
      supportsResume: true,
      supportsHitl: true,
      agent: 'echo',
      preamble: 'Be kind.',
      policy: 'allow-reads',
    };
    writeFileSync(modes, JSON.stringify({ modes: [own] }));
    app = await TestApp.start(dialect, { MUSTER_AGENTS_FILE: agents, MUSTER_MODES_FILE: modes });
    workspaceId = (await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'w')).id;
  });
  afterAll(async () => {
    await app.close();
    rmSync(base, { recursive: true, force: true });
  });

  const create = (body: object) => app.call('POST', '/api/sessions', { body: { workspaceId, ...body } });
  const until = (id: string, ...statuses: string[]) => untilStatus(() => app.call('GET', `/api/sessions/${id}`), ...statuses);
  const logsOf = async (id: string): Promise<string[]> =>
    (await app.call('GET', `/api/sessions/${id}/events?type=log`)).body.items.map(({ payload }: any) => payload.text);

  it('lists the built-in ones and those of the file', async () => {
    const { items } = (await app.call('GET', '/api/sessions/modes/list')).body;
    expect(items.map(({ id, supportsResume, supportsHitl }: any) => [id, supportsResume, supportsHitl])).toEqual([
      ['copilot', true, true],
      ['planning-control', true, true],
      ['one-shot', false, false],
      ['hitl-interactive', true, true],
      ['idea-generation', true, true],
      ['ocr', false, false],
      ['arxiv', false, false],
      ['enhance-input', false, false],
      ['house', true, true],
    ]);
    expect(items.at(-1)).toMatchObject({ label: 'House', agent: 'echo', preamble: 'Be kind.', policy: 'allow-reads' });
  });

  it('refuses one that is unknown, naming those there are', async () => {
    for (const body of [
      { agent: 'echo', mode: 'nope' },
      { runtime: 'external', mode: 'nope' },
    ])
      expect(await create(body)).toMatchObject({
        status: 400,
        body: {
          code: 'unknown_mode',
          remedy: expect.stringContaining('copilot, planning-control, one-shot'),
          context: { known: expect.any(Array) },
        },
      });
    expect(await create({ mode: 'copilot' })).toMatchObject({ status: 400, body: { code: 'invalid_input', issues: [{ path: 'agent' }] } });
  });

  it('gives agent, policy and preamble where none are asked for; the preamble before the first prompt only', async () => {
    const { status, body } = await create({ mode: 'house', prompt: 'one' });
    expect([status, body.agent, body.mode, body.policy]).toEqual([201, 'echo', 'house', 'allow-reads']);
    await until(body.id, 'idle');
    await app.call('POST', `/api/sessions/${body.id}/input`, { body: { content: 'two' } });
    await untilStatus(async () => ({ body: { status: String((await logsOf(body.id)).length) } }), '2');
    const [first = '', second = ''] = await logsOf(body.id);
    expect(first).toMatch(/^Be kind\.\|+one$/);
    expect(second).toBe('two');
    const inputs = (await app.call('GET', `/api/sessions/${body.id}/events?type=input`)).body.items;
    expect(inputs[0].payload.content).toEqual([{ type: 'text', text: 'one' }]);
    const listed = (await app.call('GET', '/api/sessions?mode=house')).body.items;
    expect(listed.map(({ id }: any) => id)).toEqual([body.id]);
  });

  it('lets a policy that is asked for stand, but asks nobody where nobody is there', async () => {
    for (const [mode, asked, policy] of [
      ['one-shot', undefined, 'allow-reads'],
      ['one-shot', 'ask', 'allow-reads'],
      ['one-shot', 'allow-all', 'allow-all'],
      ['one-shot', 'deny', 'deny'],
      ['copilot', 'ask', 'ask'],
      ['house', 'deny', 'deny'],
    ])
      expect([mode, asked, (await create({ agent: 'echo', mode, policy: asked, launch: false })).body.policy]).toEqual([
        mode,
        asked,
        policy,
      ]);
  });

  it('is completed by success where it is not to be resumed, and idle where it is', async () => {
    const [done, kept, plain] = [
      await create({ agent: 'echo', mode: 'one-shot', prompt: 'go' }),
      await create({ agent: 'echo', mode: 'copilot', prompt: 'go' }),
      await create({ agent: 'echo', prompt: 'go' }),
    ].map(({ body }) => String(body.id));
    expect((await until(done ?? '', 'completed', 'idle', 'failed')).status).toBe('completed');
    expect((await until(kept ?? '', 'completed', 'idle', 'failed')).status).toBe('idle');
    expect((await until(plain ?? '', 'completed', 'idle', 'failed')).status).toBe('idle');
    expect(await app.call('POST', `/api/sessions/${done}/input`, { body: { content: 'more' } })).toMatchObject({ status: 409 });
  });

  it('is suspended by a failed run, with the error; without a mode that is failed', async () => {
    for (const [mode, status] of [
      ['copilot', 'suspended'],
      ['one-shot', 'suspended'],
      [undefined, 'failed'],
    ]) {
      const { body } = await create({ agent: 'echo', mode, prompt: 'break' });
      const session = await until(body.id, 'suspended', 'failed', 'idle', 'completed');
      expect([mode, session.status, session.endReason]).toEqual([mode, status, expect.stringContaining('3')]);
      const turns = (await app.call('GET', `/api/sessions/${body.id}/events?type=turn`)).body.items;
      expect(turns.map(({ payload }: any) => payload.state)).toEqual(['started', 'failed']);
    }
  });

  it('keeps how far the work is, for its agent and those who steer', async () => {
    const { body: session } = await create({ runtime: 'external', mode: 'planning-control' });
    const path = `/api/sessions/${session.id}/state`;
    const patch = (body: object, options: object = {}) => app.call('PATCH', path, { body, ...options });
    const key = await agentToken(app, session.id);
    const first = await patch({ phase: 'planning', step: 1, state: { plan: ['a'] } }, { key });
    expect(first).toMatchObject({
      status: 200,
      body: { phase: 'planning', step: 1, state: { plan: ['a'] }, version: session.version + 1 },
    });
    expect(first.headers.get('etag')).toBe(`"${session.version + 1}"`);
    expect((await patch({ step: 2 }, { key })).body).toMatchObject({ phase: 'planning', step: 2, state: { plan: ['a'] } });
    expect((await patch({ phase: null, step: null })).body).not.toHaveProperty('phase');
    const { version } = (await app.call('GET', `/api/sessions/${session.id}`)).body;
    expect((await patch({ state: { plan: ['a'] } })).body.version).toBe(version);
    for (const options of [{ body: { step: 3, version: version - 1 } }, { body: { step: 3 }, headers: { 'if-match': '"1"' } }])
      expect(await app.call('PATCH', path, options)).toMatchObject({
        status: 409,
        body: { code: 'version_conflict', context: { version } },
      });
    expect((await app.call('PATCH', path, { body: { step: 3 }, headers: { 'if-match': `"${version}"` } })).status).toBe(200);
    const { items } = (await app.call('GET', `/api/audit?sessionId=${session.id}&name=session.state-changed`)).body;
    expect(items).toHaveLength(4);
    expect(items).toContainEqual(
      expect.objectContaining({
        actor: `agent:${session.id}`,
        before: { phase: null, step: null, state: {} },
        after: { phase: 'planning', step: 1, state: { plan: ['a'] } },
      }),
    );
    expect((await app.call('GET', `/api/sessions/${session.id}/status`)).body).toMatchObject({ status: 'running', step: 3 });
  });

  it('refuses states that are none, and callers who may not', async () => {
    const { body: session } = await create({ runtime: 'external' });
    const { body: other } = await create({ runtime: 'external' });
    const path = `/api/sessions/${session.id}/state`;
    for (const body of [
      { step: -1 },
      { step: 'two' },
      { phase: '' },
      { state: [] },
      { state: null },
      { mood: 'x' },
      { state: { x: 'y'.repeat(70_000) } },
    ])
      expect([body, (await app.call('PATCH', path, { body })).body.code]).toEqual([body, 'invalid_input']);
    const viewer = await giveKey(app, { principalId: 'user:viewer' });
    await setMember(app, workspaceId, 'user:viewer', 'viewer');
    const stranger = await giveKey(app, { principalId: 'user:stranger' });
    for (const [key, code] of [
      [viewer.secret, 'forbidden'],
      [stranger.secret, 'session_not_found'],
      [await agentToken(app, other.id), 'session_not_found'],
    ])
      expect([code, (await app.call('PATCH', path, { body: { step: 1 }, key })).body.code]).toEqual([code, code]);
  });
});
