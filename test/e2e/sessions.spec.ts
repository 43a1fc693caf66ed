import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

describe.each(DIALECTS)('a session of the demo agent on %s', (dialect) => {
  let app: TestApp;
  let workspace: { id: string; path: string };

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'demo');
  });
  afterAll(() => app?.close());

  const create = async (fields: object) => {
    const { status, body } = await app.call('POST', '/api/sessions', { body: { workspaceId: workspace.id, agent: 'demo', ...fields } });
    expect({ status, body }).toMatchObject({ status: 201 });
    return body;
  };
  const get = (id: string) => () => app.call('GET', `/api/sessions/${id}`);
  const events = async (id: string): Promise<any[]> => (await app.call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items;
  const texts = (list: any[], type: string) =>
    list.filter((each) => each.type === type).map(({ payload }) => payload.content.map(({ text }: any) => text).join(''));
  const pidOf = async (id: string): Promise<number> => (await get(id)()).body.processId;
  const isAlive = (pid: number) => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

  it('is queued at once, reads, edits and runs, and waits for the next prompt', async () => {
    writeFileSync(join(workspace.path, 'a.txt'), 'first\n');
    const session = await create({
      prompt: 'say:Hello there\nread:a.txt\nwrite:a.txt second\nrun:cat a.txt',
      policy: 'allow-all',
      metadata: { ticket: 7 },
    });
    expect(session).toMatchObject({
      status: 'queued',
      origin: 'launched',
      runtime: 'acp',
      agent: 'demo',
      workspaceId: workspace.id,
      metadata: { ticket: 7 },
      projectDir: workspace.path,
    });
    const idle = await untilStatus(get(session.id), 'idle', 'failed');
    expect(idle).toMatchObject({ status: 'idle', lastMessagePreview: 'done: second' });
    expect(readFileSync(join(workspace.path, 'a.txt'), 'utf8')).toBe('second');
    const list = await events(session.id);
    expect(list.map(({ seq }) => seq)).toEqual(list.map((_, index) => index + 1));
    expect(texts(list, 'message')).toEqual(['Hello there', 'done: second']);
    expect(list.filter(({ type }) => type === 'tool_call').map(({ payload }) => payload.kind)).toEqual(['read', 'edit', 'execute']);
    expect(JSON.stringify(list.filter(({ type }) => type === 'tool_update'))).toContain('"newText":"second"');
    expect(list.filter(({ type }) => type === 'approval')).toMatchObject([{ payload: { state: 'decided', by: 'policy:allow-all' } }]);
    expect(list.filter(({ type }) => type === 'turn').map(({ payload }) => payload.state)).toEqual(['started', 'completed']);
    expect(list.filter(({ type }) => type === 'status').map(({ payload }) => payload.to)).toEqual([
      'queued',
      'starting',
      'running',
      'idle',
    ]);
    expect(list.filter(({ type }) => type === 'input')).toMatchObject([{ payload: { content: [{ type: 'text' }] }, actor: 'admin' }]);

    const input = await app.call('POST', `/api/sessions/${session.id}/input`, { body: { content: 'recall:' } });
    expect(input).toMatchObject({ status: 202, body: { state: 'accepted' } });
    await eventually(async () => texts(await events(session.id), 'message').length === 3);
    expect(texts(await events(session.id), 'message')[2]).toContain('recall: say:Hello there');

    const pid = (await untilStatus(get(session.id), 'idle')).processId;
    expect(isAlive(pid)).toBe(true);
    const stopped = await app.call('POST', `/api/sessions/${session.id}/stop`);
    expect(stopped).toMatchObject({ status: 200, body: { status: 'stopped' } });
    expect(isAlive(pid)).toBe(false);
    const late = await app.call('POST', `/api/sessions/${session.id}/input`, { body: { content: 'too late' } });
    expect(late).toMatchObject({ status: 409, body: { code: 'session_status' } });
  });

  it('takes inputs in order while a turn runs, and an interrupt ends the turn under way', async () => {
    const session = await create({ prompt: 'slow:60' });
    await untilStatus(get(session.id), 'running');
    await app.call('POST', `/api/sessions/${session.id}/input`, { body: { content: 'say:one' } });
    await app.call('POST', `/api/sessions/${session.id}/input`, { body: { content: 'say:two' } });
    expect((await app.call('POST', `/api/sessions/${session.id}/interrupt`)).status).toBe(202);
    const said = await eventually(
      async () => texts(await events(session.id), 'message').filter((text) => /one|two/.test(text)),
      (list) => list.length === 2,
    );
    expect(said).toEqual(['one', 'two']);
    const turns = (await events(session.id)).filter(({ type }) => type === 'turn').map(({ turn, payload }) => `${turn} ${payload.state}`);
    expect(turns.slice(0, 5)).toEqual(['1 started', '1 cancelled', '2 started', '2 completed', '3 started']);
    await untilStatus(get(session.id), 'idle');
    expect(await app.call('POST', `/api/sessions/${session.id}/interrupt`)).toMatchObject({
      status: 409,
      body: { code: 'session_status' },
    });
  });

  it('denies what the policy does not allow, and says so', async () => {
    const session = await create({ prompt: `run:touch ${join(workspace.path, 'forbidden')}`, policy: 'deny' });
    await untilStatus(get(session.id), 'idle');
    expect(existsSync(join(workspace.path, 'forbidden'))).toBe(false);
    expect((await events(session.id)).filter(({ type }) => type === 'approval')).toMatchObject([
      { payload: { by: 'policy:deny', optionId: 'reject_once', reason: expect.any(String) } },
    ]);
  });

  it('fails with what the agent says where a turn fails, and no process is left', async () => {
    const session = await create({ prompt: 'say:before\nfail:no more quota' });
    const failed = await untilStatus(get(session.id), 'failed');
    expect(failed.endReason).toContain('no more quota');
    expect(texts(await events(session.id), 'message')).toContain('before');
    await eventually(async () => (await pidOf(session.id)) === undefined);
  });

  it('fails with exit code and last words where the agent dies', async () => {
    const session = await create({ prompt: 'say:soon\nexit:3' });
    const failed = await untilStatus(get(session.id), 'failed');
    expect(failed).toMatchObject({ exitCode: 3, endReason: expect.stringContaining('demo agent: exit 3') });
    const list = await events(session.id);
    expect(list.at(-1)).toMatchObject({ type: 'status', payload: { to: 'failed', exitCode: 3 } });
    expect(list.filter(({ type }) => type === 'turn').map(({ payload }) => payload.state)).toEqual(['started', 'failed']);
  });

  it('fails with the profile and the remedy where the command is missing', async () => {
    const session = await create({ agent: 'gemini', prompt: 'hi' });
    const failed = await untilStatus(get(session.id), 'failed');
    expect(failed.endReason).toMatch(/gemini/);
    expect(failed.endReason).toMatch(/npm install/);
  });

  it('waits for its first input where it is told to, and can be stopped before', async () => {
    const session = await create({ launch: false });
    expect(session.status).toBe('queued');
    await app.call('POST', `/api/sessions/${session.id}/input`, { body: { content: 'say:now' } });
    await eventually(
      async () => texts(await events(session.id), 'message'),
      (list) => list[0] === 'now',
    );
    const other = await create({ launch: false });
    expect(await app.call('POST', `/api/sessions/${other.id}/stop`)).toMatchObject({ status: 200, body: { status: 'stopped' } });
    expect(await app.call('POST', `/api/sessions/${other.id}/stop`)).toMatchObject({ status: 200, body: { status: 'stopped' } });
  });

  it('is deleted only when it is over, or by force with its agent', async () => {
    const session = await create({ prompt: 'slow:60' });
    await untilStatus(get(session.id), 'running');
    const pid = await pidOf(session.id);
    expect(await app.call('DELETE', `/api/sessions/${session.id}`)).toMatchObject({ status: 409, body: { code: 'session_live' } });
    expect(await app.call('DELETE', `/api/sessions/${session.id}?force=true`)).toMatchObject({ status: 200, body: { deleted: true } });
    expect(await app.call('GET', `/api/sessions/${session.id}`)).toMatchObject({ status: 404, body: { code: 'session_not_found' } });
    await eventually(() => !isAlive(pid));
  });

  it('ends everything the agent has started', async () => {
    const mark = `3${Date.now()}`;
    const session = await create({
      prompt: `run:sleep ${mark} & setsid sleep ${mark} & setsid -f sleep ${mark}; sleep ${mark}`,
      policy: 'allow-all',
    });
    const sleepers = () =>
      readdirSync('/proc').filter((pid) => {
        if (!/^\d+$/.test(pid)) return false;
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(mark) && isAlive(Number(pid));
        } catch {
          return false;
        }
      });
    await eventually(() => sleepers().length >= 4);
    expect(await app.call('POST', `/api/sessions/${session.id}/stop`)).toMatchObject({ status: 200 });
    await eventually(() => sleepers().length === 0);
  });

  it('is listed by page, filter and name', async () => {
    for (const name of ['Alpha 100%', 'alpha_two', 'Beta']) await create({ launch: false, name, groupId: 'listing' });
    const list = async (query: string) => (await app.call('GET', `/api/sessions?groupId=listing&${query}`)).body;
    expect((await list('sort=name')).items.map(({ name }: any) => name)).toEqual(
      expect.arrayContaining(['Alpha 100%', 'Beta', 'alpha_two']),
    );
    expect((await list('q=ALPHA&total=true')).total).toBe(2);
    expect((await list('q=100%25')).items).toHaveLength(1);
    expect((await list('q=_')).items.map(({ name }: any) => name)).toEqual(['alpha_two']);
    const first = await list('limit=2&sort=createdAt');
    const second = await list(`limit=2&sort=createdAt&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ name }: any) => name)).toEqual(['Alpha 100%', 'alpha_two', 'Beta']);
    expect(second.nextCursor).toBeNull();
    expect(await app.call('GET', '/api/sessions?sort=name&cursor=' + first.nextCursor)).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    });
    expect((await list('status=queued,idle')).items).toHaveLength(3);
  });

  it('is renamed under a version', async () => {
    const session = await create({ launch: false });
    const renamed = await app.call('PATCH', `/api/sessions/${session.id}`, { body: { name: 'Better', version: session.version } });
    expect(renamed).toMatchObject({ status: 200, body: { name: 'Better', version: session.version + 1 } });
    expect(await app.call('PATCH', `/api/sessions/${session.id}`, { body: { name: 'Late', version: session.version } })).toMatchObject({
      status: 409,
      body: { code: 'version_conflict' },
    });
  });
});
