import { spawnSync } from 'node:child_process';
import { runTool } from '../support/cli.js';
import { createDatabase, DIALECTS, isRequired, type TestDatabase } from '../support/databases.js';
import { ServerProcess } from '../support/server-process.js';
import { WsClient } from '../support/ws-client.js';

const hasTools = spawnSync('pg_dump', ['--version']).status === 0 && spawnSync('psql', ['--version']).status === 0;
const isPossible = DIALECTS.includes('postgres') && (hasTools || isRequired('postgres'));

(isPossible ? describe : describe.skip)('a PostgreSQL database that was restored', () => {
  let origin: TestDatabase;
  let copy: TestDatabase;
  let server: ServerProcess | undefined;

  beforeAll(async () => {
    origin = await createDatabase('postgres');
    copy = await createDatabase('postgres');
  });
  afterAll(async () => {
    await server?.end();
    await origin.drop();
    await copy.drop();
  });

  const urlOf = ({ environment }: TestDatabase): string => environment.MUSTER_DATABASE_URL ?? '';
  const start = async (database: TestDatabase) => (server = await ServerProcess.start(database.environment));
  const dump = async (from: TestDatabase, ...options: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runTool('pg_dump', [...options, urlOf(from)], {});
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const load = async (into: TestDatabase, text: string): Promise<void> => {
    const { code, stderr } = await runTool('psql', ['-q', '-v', 'ON_ERROR_STOP=1', urlOf(into)], {}, text);
    expect([code, stderr.replace(/^.*NOTICE.*$/gm, '').trim()]).toEqual([0, '']);
  };

  it('is numbered anew by the server that starts on it, once; a plain restart changes nothing', async () => {
    let running = await start(origin);
    const { body: session } = await running.call('POST', '/api/sessions', { runtime: 'external' });
    const path = `/api/sessions/${session.id}`;
    const append = (on: ServerProcess, text: string) =>
      on.call('POST', `${path}/events`, { id: text, type: 'log', payload: { level: 'info', text } });
    const cursors = async (on: ServerProcess): Promise<string[]> => [
      (await on.call('GET', path)).body.cursor,
      (await on.call('GET', '/api/feed?limit=1000')).body.cursor,
    ];
    await append(running, 'a');
    const text = await dump(origin);
    const clean = await dump(origin, '--clean', '--if-exists');
    await append(running, 'after the dump');
    const before = await cursors(running);
    await running.end();

    running = await start(origin);
    expect(await cursors(running)).toEqual(before);
    await running.end();

    await load(copy, text);
    running = await start(copy);
    expect(running.log).toMatch(/the database was restored/);
    const restored = await cursors(running);
    for (const [index, cursor] of before.entries()) expect(restored[index]?.split('.')[0]).not.toBe(cursor.split('.')[0]);
    // The number behind the dump is given again, to something else: nobody reads on to it with a cursor of before.
    expect((await append(running, 'something else')).body.seq).toBe(Number(before[0]?.split('.')[1]));
    const { status, body } = await running.call('GET', `${path}/events?after=${before[0]}`);
    expect([status, body.code]).toEqual([409, 'resync_required']);
    const ws = await WsClient.connect(running.url, { key: running.key });
    expect(await ws.request({ type: 'subscribe', sessionId: session.id, after: before[0] })).toMatchObject({ type: 'resync_required' });
    await ws.close();
    const after = await cursors(running);
    await running.end();
    running = await start(copy);
    expect(await cursors(running)).toEqual(after);
    expect(running.log).not.toMatch(/the database was restored/);
    await running.end();

    // Into the database it came from: its tables are others then.
    await load(origin, clean);
    running = await start(origin);
    expect((await cursors(running))[0]?.split('.')[0]).not.toBe(before[0]?.split('.')[0]);
    const feed = (await running.call('GET', '/api/feed?limit=1000')).body.items;
    expect(feed.at(-1)).toMatchObject({ name: 'database.restored', data: { sessions: 1 } });
  }, 120_000);
});
