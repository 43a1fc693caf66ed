import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { processesWith } from '../support/processes.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

/** An agent that answers neither a cancellation nor the end of its prompt. */
const DEAF = `
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (method === 'initialize') say({ id, result: { protocolVersion: 1 } });
  if (method === 'session/new') say({ id, result: { sessionId: 's' } });
}).on('close', () => process.exit(0));`;

describe.each(DIALECTS)('limits of agents on %s', (dialect) => {
  let database: TestDatabase;
  let app: TestApp;
  let workspaces: string[];

  const start = async (environment: Record<string, string>) => {
    app = await TestApp.start(dialect, { MUSTER_AGENTS_FILE: join(database.dataDir, 'agents.json'), ...environment }, database);
    workspaces = [];
    for (const name of ['one', 'two'])
      workspaces.push(
        (await app.call('GET', '/api/workspaces')).body.items.find((each: any) => each.name === name)?.id ??
          (await makeWorkspace((path, body) => app.call('POST', path, { body }), database.dataDir, name)).id,
      );
  };
  const create = async (prompt: string | undefined, more: object = {}): Promise<string> =>
    (await app.call('POST', '/api/sessions', { body: { workspaceId: workspaces[0], agent: 'demo', policy: 'allow-all', prompt, ...more } }))
      .body.id;
  const get = (id: string) => app.call('GET', `/api/sessions/${id}`);
  const statuses = (ids: readonly string[]) => Promise.all(ids.map(async (id) => (await get(id)).body.status));
  const stop = (id: string) => app.call('POST', `/api/sessions/${id}/stop`);
  const events = async (id: string): Promise<any[]> => (await app.call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items;

  beforeAll(async () => {
    database = await createDatabase(dialect);
    const file = join(database.dataDir, 'deaf.cjs');
    writeFileSync(file, DEAF);
    writeFileSync(
      join(database.dataDir, 'agents.json'),
      JSON.stringify({ agents: [{ name: 'deaf', runtime: 'acp', command: [process.execPath, file], versionCommand: null }] }),
    );
  });
  afterEach(() => app.close());
  afterAll(() => database.drop());

  it('lets sessions wait in order where there is no room, and those of a workspace that is full hold up no other', async () => {
    await start({ MUSTER_MAX_AGENTS: '3', MUSTER_MAX_AGENTS_PER_WORKSPACE: '2' });
    const [other = ''] = workspaces.slice(1);
    const first = [await create('say:a'), await create('say:b')];
    for (const id of first) await untilStatus(() => get(id), 'idle');
    const [third, fourth] = [await create('say:c'), await create('say:d')];
    const elsewhere = [await create('say:e', { workspaceId: other }), await create('say:f', { workspaceId: other })];
    await untilStatus(() => get(elsewhere[0] ?? ''), 'idle');
    expect(await statuses([third, fourth, elsewhere[1] ?? ''])).toEqual(['queued', 'queued', 'queued']);
    await stop(first[0] ?? '');
    await untilStatus(() => get(third), 'idle');
    expect(await statuses([fourth, elsewhere[1] ?? ''])).toEqual(['queued', 'queued']);
    // One that waits is ended like any other, and another takes its turn.
    expect((await stop(fourth)).body.status).toBe('stopped');
    await stop(elsewhere[0] ?? '');
    await untilStatus(() => get(elsewhere[1] ?? ''), 'idle');
    for (const id of [...first, third, ...elsewhere]) await stop(id);
  }, 60_000);

  it('suspends a session whose agent nobody speaks to, where it can go on later', async () => {
    await start({ MUSTER_AGENT_IDLE_TIMEOUT_MS: '300' });
    const id = await create('say:hello');
    const { body } = await eventually(
      () => get(id),
      (answer) => answer.body.status === 'suspended',
    );
    expect(body.endReason).toMatch(/nobody spoke to the agent for 300 ms/);
    await eventually(() => processesWith(`MUSTER_SESSION_ID=${id}`).length === 0);
    // One that can't go on later is not taken from whoever has it.
    const deaf = await create(undefined, { agent: 'deaf' });
    await untilStatus(() => get(deaf), 'idle');
    const again = await create('say:later');
    await eventually(
      () => get(again),
      (answer) => answer.body.status === 'suspended',
    );
    expect(await statuses([deaf])).toEqual(['idle']);
    await stop(deaf);
  }, 60_000);

  it('interrupts a turn that takes too long, and ends an agent that does not yield', async () => {
    await start({ MUSTER_TURN_TIMEOUT_MS: '300', MUSTER_AGENT_STOP_GRACE_MS: '500' });
    const slow = await create('slow:600');
    await untilStatus(() => get(slow), 'idle');
    expect((await events(slow)).filter(({ type }) => type === 'turn').map(({ payload }) => payload)).toEqual([
      { state: 'started' },
      { state: 'cancelled', stopReason: 'timed_out' },
    ]);
    const deaf = await create('whatever', { agent: 'deaf' });
    const { endReason } = await untilStatus(() => get(deaf), 'failed');
    expect(endReason).toMatch(/a turn took longer than 300 ms, and the agent did not end it/);
    expect(processesWith(`MUSTER_SESSION_ID=${deaf}`)).toEqual([]);
    await stop(slow);
  }, 60_000);

  it('lists processes that no session accounts for, and ends one that is named with its start time', async () => {
    await start({});
    const nodeId = readFileSync(join(database.dataDir, 'node.id'), 'utf8').trim();
    const id = await create('say:hello');
    await untilStatus(() => get(id), 'idle');
    const children = [
      { MUSTER_NODE_ID: nodeId, MUSTER_SESSION_ID: 'gone' },
      { MUSTER_NODE_ID: 'another', MUSTER_SESSION_ID: id },
    ].map((env) => spawn('sleep', ['600'], { env: { PATH: process.env.PATH, ...env }, detached: true, stdio: 'ignore' }));
    const pids = children.map(({ pid }) => pid);
    const list = async (): Promise<any[]> => (await app.call('GET', '/api/agents/orphans')).body.items;
    const ours = async () => (await list()).filter(({ pid, nodeId: node }) => pids.includes(pid) || node === nodeId);
    await eventually(async () => (await ours()).length === 2);
    expect(await ours()).toEqual([
      { pid: pids[0], startedAt: expect.any(Number), reason: 'session_unknown', sessionId: 'gone', nodeId, command: 'sleep 600' },
      { pid: pids[1], startedAt: expect.any(Number), reason: 'not_ours', sessionId: id, nodeId: 'another', command: 'sleep 600' },
    ]);
    const [stray, foreign] = await ours();
    const reap = (pid: number | string, startedAt: number) => app.call('POST', `/api/agents/orphans/${pid}/reap`, { body: { startedAt } });
    expect(await reap(stray.pid, stray.startedAt + 1)).toMatchObject({ status: 409, body: { code: 'orphan_changed' } });
    expect(await reap('x', 1)).toMatchObject({ status: 404, body: { code: 'orphan_not_found' } });
    const { processId } = (await get(id)).body;
    expect(await reap(processId, 1)).toMatchObject({ status: 404, body: { code: 'orphan_not_found' } });
    for (const { pid, startedAt } of [stray, foreign])
      expect(await reap(pid, startedAt)).toMatchObject({ status: 200, body: { ended: 1, survivors: [] } });
    expect(await ours()).toEqual([]);
    const audit = (await app.call('GET', '/api/audit?limit=1000')).body.items.filter(({ action }: any) => action === 'process.reaped');
    expect(audit.map(({ target }: any) => target)).toEqual(pids.map((pid) => ({ kind: 'process', id: String(pid) })));
    await stop(id);
  }, 60_000);
});
