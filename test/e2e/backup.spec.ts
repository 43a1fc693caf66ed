import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { finishSwap, planSwap, swapSteps } from '../../src/core/database/sqlite-files.js';
import { muster } from '../support/cli.js';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

const log = (id: string) => ({ id, type: 'log', payload: { level: 'info', text: id } });

describe('backup and restore of SQLite', () => {
  let database: TestDatabase;
  let server: ServerProcess | undefined;
  let directory: string;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    directory = mkdtempSync(join(tmpdir(), 'muster-backup-'));
  });
  afterEach(async () => {
    await server?.end();
    server = undefined;
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async () => (server = await ServerProcess.start(database.environment));
  const cli = (...args: string[]) => muster(args, database.environment);
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await cli(...args, '--json');
    return { code, stderr, ...JSON.parse(stdout) };
  };
  const eventsOf = async (on: ServerProcess, id: string): Promise<any[]> => {
    const all: any[] = [];
    for (let cursor = '0'; ;) {
      const page = (await on.call('GET', `/api/sessions/${id}/events?limit=1000&after=${cursor}`)).body;
      all.push(...page.items);
      if (!page.nextCursor) return all;
      cursor = page.nextCursor;
    }
  };

  it('takes a consistent copy under load, and goes back to it: the prefix that was acknowledged before, and no old cursor', async () => {
    const running = await start();
    const workspace = await makeWorkspace((path, body) => running.call('POST', path, body), database.dataDir, 'backup');
    const session = (await running.call('POST', '/api/sessions', { runtime: 'external' })).body;
    const agent = (await running.call('POST', '/api/sessions', { workspaceId: workspace.id, agent: 'demo', prompt: 'slow:600' })).body;
    const queued = (await running.call('POST', '/api/sessions', { workspaceId: workspace.id, agent: 'demo', launch: false })).body;
    await running.call('POST', `/api/sessions/${queued.id}/input`, { content: 'say:hello' });
    await eventually(
      async () => (await running.call('GET', `/api/sessions/${agent.id}`)).body,
      ({ status }) => status === 'running',
    );
    const acknowledged: { id: string; seq: number }[] = [];
    let isStopped = false;
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; !isStopped; n++) {
        const { status, body } = await running.call('POST', `/api/sessions/${session.id}/events`, log(`w${writer}-${n}`));
        if (status === 201) acknowledged.push({ id: body.id, seq: body.seq });
      }
    });
    await eventually(() => acknowledged.length > 300);
    const before = [...acknowledged];
    const file = join(directory, 'backup.db');
    const backup = await json('admin', 'backup', file);
    expect(backup).toMatchObject({ ok: true, code: 0, file });
    const atBackup = acknowledged.length;
    await eventually(() => acknowledged.length > atBackup + 200);
    isStopped = true;
    await Promise.all(writers);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['backup.db']);

    const old = await eventsOf(running, session.id);
    const oldHead = (await running.call('GET', `/api/sessions/${session.id}`)).body.cursor;
    const feedCursor = (await running.call('GET', '/api/feed?limit=1000')).body.cursor;
    const [oldEpoch] = oldHead.split('.');
    const refused = await cli('admin', 'restore', file, '--yes');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/Another Muster server uses/)]);
    await running.end('SIGKILL');

    const unsure = await cli('admin', 'restore', file);
    expect([unsure.code, unsure.stderr]).toEqual([2, expect.stringMatching(/--yes/)]);
    const restored = await json('admin', 'restore', file, '--yes');
    expect(restored).toMatchObject({ ok: true, code: 0, previous: expect.stringContaining('muster.db.before-') });
    // What was before is a database still, with all that was acknowledged.
    const previous = new BetterSqlite3(restored.previous);
    const count = previous.prepare('select last_seq from session_heads where session_id = ?').pluck().get(session.id);
    expect(count).toBe(old.length);
    previous.close();

    const again = await start();
    const kept = await eventsOf(again, session.id);
    expect(kept.length).toBeLessThan(old.length);
    expect(kept).toEqual(old.slice(0, kept.length));
    const bySeq = new Map(kept.map(({ id, seq }) => [id, seq]));
    for (const { id, seq } of before) expect([id, bySeq.get(id)]).toEqual([id, seq]);
    const { body: now } = await again.call('GET', `/api/sessions/${session.id}`);
    expect(now.cursor.split('.')[0]).not.toBe(oldEpoch);

    const earliest = `${now.cursor.split('.')[0]}.0`;
    for (const stale of [oldHead, `${oldEpoch}.5`, `${oldEpoch}.0`]) {
      const { status, body } = await again.call('GET', `/api/sessions/${session.id}/events?after=${stale}`);
      expect([stale, status, body.code, body.context.earliest]).toEqual([stale, 409, 'resync_required', earliest]);
    }
    expect((await again.call('GET', `/api/feed?after=${feedCursor}`)).body.code).toBe('resync_required');
    const ws = await WsClient.connect(again.url, { key: again.key });
    expect(await ws.request({ type: 'subscribe', sessionId: session.id, after: `${oldEpoch}.5` })).toMatchObject({
      type: 'resync_required',
      earliest,
    });
    await ws.request({ type: 'subscribe', sessionId: session.id });
    await ws.frame(({ type }) => type === 'caught_up');
    expect(ws.events(session.id)).toHaveLength(kept.length);
    await ws.close();

    // Nothing runs falsely, nothing that waited is begun a second time, and it is told.
    expect((await again.call('GET', `/api/sessions/${agent.id}`)).body).toMatchObject({ status: 'lost' });
    const settled = await eventually(
      async () => (await again.call('GET', `/api/sessions/${queued.id}`)).body,
      ({ status }) => ['lost', 'suspended'].includes(status),
    );
    expect(settled.endReason).toMatch(/server stopped|restored/);
    const feed = (await again.call('GET', '/api/feed?limit=1000')).body.items;
    expect(feed.filter(({ name }: any) => name === 'database.restored')).toMatchObject([{ actor: 'system', data: { sessions: 3 } }]);
    expect(feed.map(({ position }: any) => position)).toEqual(feed.map((_: unknown, index: number) => index + 1));
    // Listeners go on: what is made now is launched.
    const next = (await again.call('POST', '/api/sessions', { workspaceId: workspace.id, agent: 'demo', prompt: 'say:on' })).body;
    await eventually(
      async () => (await again.call('GET', `/api/sessions/${next.id}`)).body,
      ({ status }) => status === 'idle',
    );
    await again.end();
    const third = await start();
    expect((await third.call('GET', `/api/sessions/${session.id}`)).body.cursor).toBe(now.cursor);
  }, 180_000);

  it('does not begin again what waited when the backup was made', async () => {
    const running = await start();
    const workspace = await makeWorkspace((path, body) => running.call('POST', path, body), database.dataDir, 'waits');
    const { body: session } = await running.call('POST', '/api/sessions', {
      workspaceId: workspace.id,
      agent: 'demo',
      launch: false,
    });
    const { body: blank } = await running.call('POST', '/api/sessions', { workspaceId: workspace.id, agent: 'demo', launch: false });
    await running.end();
    const db = new BetterSqlite3(join(database.dataDir, 'muster.db'));
    // As it stands between the acceptance of an input and its turn.
    db.prepare(
      `insert into inputs (id, session_id, position, state, content, "by", created_at)
       values ('waits', ?, 1, 'accepted', '[{"type":"text","text":"say:twice"}]', 'me', '2026-11-20T14:00:00.000Z')`,
    ).run(session.id);
    db.close();
    const file = join(directory, 'b.db');
    expect((await cli('admin', 'backup', file)).code).toBe(0);
    expect((await cli('admin', 'restore', file, '--yes')).code).toBe(0);
    const again = await start();
    expect((await again.call('GET', `/api/sessions/${session.id}`)).body).toMatchObject({
      status: 'suspended',
      endReason: expect.stringMatching(/restored/),
    });
    expect((await again.call('GET', `/api/sessions/${blank.id}`)).body).toMatchObject({ status: 'queued' });
    expect((await eventsOf(again, session.id)).map(({ type, payload }) => [type, payload.state ?? payload.to])).toEqual(
      expect.arrayContaining([
        ['input', 'unknown'],
        ['status', 'suspended'],
      ]),
    );
  }, 60_000);

  it('refuses what it can not do, and says what to do; nothing is changed', async () => {
    const file = join(directory, 'a.db');
    const none = await cli('admin', 'backup', file);
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/no database.*MUSTER_DATA_DIR/)]);
    await (await start()).end();
    expect((await cli('admin', 'backup', file)).stdout).toMatch(/Backed up to .*a\.db: 0 sessions/);
    const first = readFileSync(file);
    const there = await cli('admin', 'backup', file);
    expect([there.code, there.stderr]).toEqual([1, expect.stringMatching(/there already.*--force/)]);
    expect(readFileSync(file).equals(first)).toBe(true);
    expect((await cli('admin', 'backup', file, '--force')).code).toBe(0);
    expect((await cli('admin', 'backup', join(database.dataDir, 'muster.db'), '--force')).stderr).toMatch(/the database itself/);
    expect((await cli('admin', 'backup', join(directory, 'no', 'such', 'b.db'))).stderr).toMatch(/^muster: ENOENT.*no\/such/);

    const live = join(database.dataDir, 'muster.db');
    const untouched = () => readdirSync(database.dataDir).filter((name) => name.startsWith('muster.db'));
    const damaged = join(directory, 'damaged.db');
    const bytes = readFileSync(file);
    writeFileSync(damaged, Buffer.concat([bytes.subarray(0, 8_192), Buffer.alloc(8_192, 7), bytes.subarray(16_384)]));
    const newer = join(directory, 'newer.db');
    writeFileSync(newer, bytes);
    let db = new BetterSqlite3(newer);
    db.prepare("insert into migrations (timestamp, name) values (9, 'Later9')").run();
    db.close();
    const foreign = join(directory, 'foreign.db');
    db = new BetterSqlite3(foreign);
    db.exec('create table t (a)');
    db.close();
    writeFileSync(join(directory, 'text'), 'not a database, but long enough to have a header that could be one'.repeat(20));
    for (const [name, says] of [
      ['damaged.db', /damaged|can't be read/],
      ['newer.db', /newer version.*Later9/],
      ['foreign.db', /not a database of Muster/],
      ['text', /can't be read as a database/],
      ['missing', /There is no file/],
    ] as const) {
      const { code, stderr } = await cli('admin', 'restore', join(directory, name), '--yes');
      expect([name, code, stderr]).toEqual([name, 1, expect.stringMatching(says)]);
      expect(untouched()).toEqual(['muster.db']);
    }
    expect((await cli('admin', 'restore', live, '--yes')).stderr).toMatch(/the database itself/);
    rmSync(live);
    expect((await cli('admin', 'restore', file)).stdout).toMatch(/There was no database before/);
    await (await start()).end();
  }, 120_000);

  it('has a help, a version, and exit codes', async () => {
    expect(await cli('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(await cli('--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/admin backup <file>.*\n.*admin restore <file>/) });
    for (const wrong of [
      [],
      ['admin'],
      ['admin', 'backup'],
      ['admin', 'backup', 'a', 'b'],
      ['nothing'],
      ['--what'],
      ['admin', 'backup', 'a', '--yes'],
    ])
      expect([wrong, await cli(...wrong)]).toEqual([wrong, { code: 2, stdout: '', stderr: expect.stringMatching(/^muster: /) }]);
    const { code, stdout } = await cli('admin', 'backup', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([2, { ok: false, error: expect.stringMatching(/Usage/) }]);
    const postgres = { ...database.environment, MUSTER_DATABASE_URL: 'postgres://u:geheim@db.example/m' };
    const told = await muster(['admin', 'backup', join(directory, 'p')], postgres);
    expect([told.code, told.stderr]).toEqual([1, expect.stringMatching(/pg_dump --format=custom/)]);
    expect((await muster(['admin', 'restore', join(directory, 'p')], postgres)).stderr).toMatch(/pg_restore/);
    expect(told.stderr).not.toContain('geheim');
  }, 60_000);

  it('leaves the old database or the new one, wherever a restoration ends', async () => {
    const running = await start();
    await running.end();
    const live = join(database.dataDir, 'muster.db');
    const backup = join(directory, 'b.db');
    await cli('admin', 'backup', backup);
    const files = (name: string): string[] => readdirSync(database.dataDir).filter((each) => each.startsWith(name));
    const swap = { staged: 'muster.db.restoring-x', aside: 'muster.db.before-x' };
    const fresh = () => {
      for (const name of files('muster.db')) rmSync(join(database.dataDir, name));
      writeFileSync(live, 'old');
      writeFileSync(`${live}-wal`, 'old wal');
      writeFileSync(`${live}-shm`, 'old shm');
      writeFileSync(join(database.dataDir, swap.staged), readFileSync(backup));
    };
    const total = swapSteps(live, swap).length;
    for (let done = 0; done <= total; done++) {
      fresh();
      planSwap(live, swap);
      swapSteps(live, swap)
        .slice(0, done)
        .forEach((step) => step());
      finishSwap(live);
      expect({ done, files: files('muster.db').sort() }).toEqual({
        done,
        files: ['muster.db', 'muster.db.before-x', 'muster.db.before-x-shm', 'muster.db.before-x-wal'],
      });
      expect(readFileSync(live).equals(readFileSync(backup))).toBe(true);
      expect(readFileSync(join(database.dataDir, 'muster.db.before-x-wal'), 'utf8')).toBe('old wal');
    }
    // The server itself goes on with it; before anything is planned, all is as it was.
    fresh();
    expect(finishSwap(live)).toBeUndefined();
    expect(readFileSync(live, 'utf8')).toBe('old');
    planSwap(live, swap);
    swapSteps(live, swap)
      .slice(0, 2)
      .forEach((step) => step());
    const again = await start();
    expect(again.log).toMatch(/an interrupted restoration was finished/);
    expect((await again.call('GET', '/api/health/ready')).status).toBe(200);
    await again.end();
    // Neither is there: told, not papered over with an empty database.
    planSwap(live, swap);
    renameSync(live, join(directory, 'elsewhere'));
    await expect(ServerProcess.start(database.environment)).rejects.toThrow(/missing after a restoration/);
    expect(existsSync(live)).toBe(false);
  }, 120_000);

  it('can be killed at any moment', async () => {
    const running = await start();
    const { body: session } = await running.call('POST', '/api/sessions', { runtime: 'external' });
    await running.call('POST', `/api/sessions/${session.id}/events`, { events: Array.from({ length: 500 }, (_, n) => log(`a${n}`)) });
    const backup = join(directory, 'b.db');
    await cli('admin', 'backup', backup);
    await running.call('POST', `/api/sessions/${session.id}/events`, log('behind the backup'));
    const last = (await eventsOf(running, session.id)).length;
    await running.end();
    const live = join(database.dataDir, 'muster.db');
    const old = readFileSync(live);
    const restore = async (killAfterMs: number) => {
      for (const name of readdirSync(database.dataDir)) if (/^muster\.db./.test(name)) rmSync(join(database.dataDir, name));
      writeFileSync(live, old);
      await killed(['admin', 'restore', backup, '--yes'], database.environment, killAfterMs);
    };
    const began = performance.now();
    await restore(60_000);
    const wholeMs = performance.now() - began;
    const seen = new Set<number>();
    for (let n = 1; n <= 12; n++) {
      await restore((wholeMs * (n + 8)) / 20);
      const isPlanned = existsSync(`${live}.restore.json`);
      if (!isPlanned && readFileSync(live).equals(old)) {
        seen.add(last);
        continue;
      }
      finishSwap(live);
      const db = new BetterSqlite3(live);
      expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
      expect(db.prepare('select last_seq from session_heads where session_id = ?').pluck().get(session.id)).toBe(last - 1);
      db.close();
      seen.add(last - 1);
    }
    expect(seen.size).toBeGreaterThan(0);
    expect((await eventsOf(await start(), session.id)).length).toBeGreaterThanOrEqual(last - 1);
  }, 180_000);
});

/** Runs the command and kills it after so long, if it still runs. */
async function killed(args: readonly string[], environment: Record<string, string>, afterMs: number): Promise<void> {
  const main = join(__dirname, '../../dist/src/cli/main.js');
  const child = spawn(process.execPath, [main, ...args], { env: { PATH: process.env.PATH, ...environment }, stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  await new Promise((done) => child.once('exit', done));
  clearTimeout(timer);
}
