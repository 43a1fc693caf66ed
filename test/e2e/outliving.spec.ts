import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { processesWith, shimsOf } from '../support/processes.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace } from '../support/sessions.js';

const loud = jest.requireActual<{ pieceOf: (n: number, size: number) => string }>('../support/loud-agent.cjs');
const PROFILE = {
  name: 'loud',
  runtime: 'acp',
  command: [process.execPath, resolve(__dirname, '../support/loud-agent.cjs')],
  versionCommand: null,
};
const SIZE = 100;
const textOf = (pieces: number) => Array.from({ length: pieces }, (_, n) => loud.pieceOf(n, SIZE)).join('');

describe.each(DIALECTS)('an agent outlives the server on %s', (dialect) => {
  let database: TestDatabase;
  let server: ServerProcess;
  let workspaceId: string;
  const environment = () => {
    const file = join(database.dataDir, 'agents.json');
    writeFileSync(file, JSON.stringify({ agents: [PROFILE] }));
    return { ...database.environment, MUSTER_AGENTS_FILE: file, MUSTER_AGENTS_ON_SHUTDOWN: 'keep', MUSTER_AGENT_STOP_GRACE_MS: '1000' };
  };
  const start = async () => (server = await ServerProcess.start(environment()));
  const create = async (agent: string, prompt: string, more: object = {}): Promise<string> =>
    (await server.call('POST', '/api/sessions', { workspaceId, agent, prompt, policy: 'allow-all', ...more })).body.id;
  const get = async (id: string): Promise<any> => (await server.call('GET', `/api/sessions/${id}`)).body;
  const events = async (id: string): Promise<any[]> => (await server.call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items;
  const messages = async (id: string) =>
    (await events(id)).filter(({ type, payload }) => type === 'message' && payload.role === 'assistant');
  const turns = async (id: string) => (await events(id)).filter(({ type }) => type === 'turn').map(({ payload }) => payload.state);
  const until = (id: string, ...statuses: string[]) =>
    eventually(
      () => get(id),
      ({ status }) => statuses.includes(status),
      30_000,
    );
  const mark = (id: string) => `MUSTER_SESSION_ID=${id}`;
  const spooled = (directory: string) =>
    readdirSync(directory)
      .filter((name) => name.startsWith('spool-'))
      .sort()
      .map((name) => readFileSync(join(directory, name), 'utf8'))
      .join('');
  const hostOf = (id: string): string => {
    const [pid = 0] = shimsOf(id);
    const hostId = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[2] ?? '';
    return join(database.dataDir, 'agents', hostId);
  };
  /** 1, 2, 3 …, and nothing twice. */
  const expectWhole = async (id: string) => {
    const all = await events(id);
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    expect(new Set(all.map((each) => each.id)).size).toBe(all.length);
    return all;
  };

  beforeAll(async () => {
    database = await createDatabase(dialect);
    await start();
    workspaceId = (await makeWorkspace((path, body) => server.call('POST', path, body), database.dataDir, 'outliving')).id;
  });
  afterEach(async () => {
    for (const { id, status } of (await server.call('GET', '/api/sessions?limit=200')).body.items)
      if (!['completed', 'failed', 'stopped', 'lost', 'suspended'].includes(status)) await server.call('POST', `/api/sessions/${id}/stop`);
  });
  afterAll(async () => {
    await server?.end();
    const left = processesWith(`MUSTER_NODE_ID=${readFileSync(join(database.dataDir, 'node.id'), 'utf8').trim()}`);
    await database.drop();
    expect(left).toEqual([]);
  });

  it('killed in the middle of a message: it becomes one message, whole, and the turn goes on to its end', async () => {
    const go = join(database.dataDir, 'go');
    const steps = [
      { tool: { bytes: 8 } },
      { stream: { pieces: 150, size: SIZE } },
      { wait: go },
      { stream: { pieces: 100, size: SIZE } },
      { tool: { bytes: 8 } },
    ];
    const id = await create('loud', JSON.stringify(steps));
    const directory = await eventually(() => (shimsOf(id).length > 0 ? hostOf(id) : undefined));
    await eventually(() => spooled(directory ?? '').includes('149:'));
    await eventually(async () => (await events(id)).some(({ type }) => type === 'tool_update'));
    const before = await events(id);
    await server.end('SIGKILL');
    // It goes on speaking while nobody is there.
    writeFileSync(go, '');
    await eventually(() => spooled(directory ?? '').includes('prompt-finished'));

    await start();
    expect(await until(id, 'idle')).toMatchObject({ status: 'idle' });
    const [message, ...others] = await messages(id);
    expect(others).toEqual([]);
    expect(message.payload).toMatchObject({ blockId: message.id });
    expect(message.payload.truncated).toBeUndefined();
    expect(message.payload.content).toEqual([{ type: 'text', text: textOf(150) + textOf(100) }]);
    expect((await expectWhole(id)).slice(0, before.length)).toEqual(before);
    expect(await turns(id)).toEqual(['started', 'completed']);
    // And it takes another prompt.
    await server.call('POST', `/api/sessions/${id}/input`, { content: JSON.stringify([{ stream: { pieces: 1, size: SIZE } }]) });
    await eventually(async () => (await turns(id)).length === 4);
    expect((await server.call('POST', `/api/sessions/${id}/stop`)).status).toBe(200);
    expect(processesWith(mark(id))).toEqual([]);
    await eventually(() => !existsSync(directory ?? ''));
  }, 120_000);

  it('goes on under a server that is shut down and started again, and can be interrupted and stopped', async () => {
    const id = await create('demo', 'say:before\nslow:600');
    await eventually(async () => (await messages(id)).length > 0 || (await get(id)).status === 'running');
    const { processId } = await until(id, 'running');
    await server.call('POST', `/api/sessions/${id}/input`, { content: 'say:second' });
    expect(await server.end('SIGTERM')).toBe(0);
    expect(processesWith(mark(id)).length).toBeGreaterThan(1);
    await start();
    expect(await get(id)).toMatchObject({ status: 'running', processId });
    expect((await server.call('POST', `/api/sessions/${id}/interrupt`)).status).toBe(202);
    await eventually(async () => (await turns(id)).length === 4);
    expect(await turns(id)).toEqual(['started', 'cancelled', 'started', 'completed']);
    expect((await messages(id)).at(-1).payload.content[0].text).toBe('second');
    await expectWhole(id);
    await server.end('SIGKILL');
    await start();
    expect(await get(id)).toMatchObject({ status: 'idle', processId });
    const stopped = await server.call('POST', `/api/sessions/${id}/stop`);
    expect(stopped).toMatchObject({ status: 200, body: { status: 'stopped' } });
    expect(processesWith(mark(id))).toEqual([]);
  }, 120_000);

  it('is lost where its host is killed; what it had said by then is kept', async () => {
    const id = await create('loud', JSON.stringify([{ stream: { pieces: 5, size: SIZE } }, { hang: true }]));
    await eventually(() => shimsOf(id).length === 1 && spooled(hostOf(id)).includes('4:'));
    process.kill(shimsOf(id)[0] ?? 0, 'SIGKILL');
    expect(await until(id, 'lost', 'failed')).toMatchObject({ status: 'lost', endReason: expect.stringContaining('was gone') });
    expect((await messages(id)).map(({ payload }) => [payload.content[0].text, payload.truncated])).toEqual([[textOf(5), true]]);
    expect(await turns(id)).toEqual(['started', 'lost']);
    expect(processesWith(mark(id))).toEqual([]);
    await expectWhole(id);
  }, 60_000);

  it('is lost where its host is killed while the server is away; what was on disk is read', async () => {
    const id = await create('loud', JSON.stringify([{ stream: { pieces: 5, size: SIZE } }, { hang: true }]));
    const idle = await create('demo', 'say:resting');
    await until(idle, 'idle');
    await eventually(() => shimsOf(id).length === 1 && spooled(hostOf(id)).includes('4:'));
    await server.end('SIGKILL');
    for (const each of [id, idle]) process.kill(shimsOf(each)[0] ?? 0, 'SIGKILL');
    await start();
    for (const each of [id, idle]) expect(await until(each, 'lost', 'failed')).toMatchObject({ status: 'lost' });
    expect((await messages(id)).map(({ payload }) => [payload.content[0].text, payload.truncated])).toEqual([[textOf(5), true]]);
    expect(await turns(idle)).toEqual(['started', 'completed']);
    for (const each of [id, idle]) {
      expect(processesWith(mark(each))).toEqual([]);
      await expectWhole(each);
    }
  }, 60_000);

  it('tells how it ended while the server was away', async () => {
    const id = await create('demo', 'say:first words\nrun:while [ ! -e die ]; do sleep 0.05; done\nexit:42');
    await eventually(async () =>
      (await events(id)).some(({ type, payload }) => type === 'tool_update' && payload.status === 'in_progress'),
    );
    const directory = hostOf(id);
    await server.end('SIGKILL');
    writeFileSync(join(database.dataDir, 'projects', 'outliving', 'die'), '');
    await eventually(() => spooled(directory).includes('"kind":"exit"'));
    await start();
    expect(await until(id, 'lost', 'failed')).toMatchObject({
      status: 'lost',
      exitCode: 42,
      endReason: expect.stringMatching(/while the server was away, with code 42/),
    });
    expect(await turns(id)).toEqual(['started', 'lost']);
    expect(processesWith(mark(id))).toEqual([]);
    await expectWhole(id);
  }, 60_000);

  it('keeps its files to this user', async () => {
    const id = await create('demo', 'say:hello');
    await until(id, 'idle');
    const directory = hostOf(id);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const modes = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777]);
    expect(modes.map(([name]) => name)).toEqual(expect.arrayContaining(['socket', 'token', 'shim.log']));
    for (const [name, mode] of modes) expect([name, mode]).toEqual([name, 0o600]);
    const token = readFileSync(join(directory, 'token'), 'utf8');
    for (const pid of processesWith(mark(id))) expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(token);
  });
});
