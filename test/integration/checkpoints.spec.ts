import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { CheckpointLimits, Checkpoints } from '../../src/core/database/checkpoints.service.js';
import { CheckpointThread } from '../../src/core/database/checkpoint-thread.js';
import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { eventually } from '../support/eventually.js';
import { startKernel } from '../support/kernel.js';

const PAGE = 4_096;

describe('checkpoints of SQLite', () => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let unit: UnitOfWork;
  let checkpoints: Checkpoints;
  const limits: { -readonly [K in keyof CheckpointLimits]: CheckpointLimits[K] } = {
    ...new CheckpointLimits(),
    leastPages: 50,
    mostLogPages: 400,
    idleMs: 100,
    writersPauseEveryMs: 20,
    restMs: 50,
  };

  beforeAll(async () => {
    kernel = await startKernel('sqlite');
    unit = kernel.module.get(UnitOfWork);
    checkpoints = kernel.module.get(Checkpoints);
    Object.assign(kernel.module.get(CheckpointLimits), limits);
    const db = kernel.module.get(Database);
    await unit.run((work) => work.query('create table filler (n integer primary key, body text)'));
    // What a checkpoint leaves to be synced by the next commit is synced beside it: NORMAL.
    expect(await db.writer.query('pragma synchronous')).toEqual([{ synchronous: 1 }]);
  });
  afterAll(() => kernel.stop());

  const file = () => join(kernel.database.dataDir, 'muster.db');
  const logPages = () => (existsSync(`${file()}-wal`) ? statSync(`${file()}-wal`).size / (PAGE + 24) : 0);
  let n = 0;
  const fill = (pages: number) =>
    unit.run((work) => work.query('insert into filler (n, body) values (?, ?)', [++n, 'x'.repeat(pages * PAGE)]));
  /** What waits, as another connection sees it. */
  const waiting = () => {
    const connection = new BetterSqlite3(file());
    const [row] = connection.pragma('wal_checkpoint(NOOP)') as { log: number; checkpointed: number }[];
    connection.close();
    return (row?.log ?? 0) - (row?.checkpointed ?? 0);
  };

  it('happen in their thread, and leave nothing waiting when nobody writes', async () => {
    for (let at = 0; at < 30; at++) await fill(10);
    await eventually(() => checkpoints.figures.checkpoints > 0 && waiting() === 0);
    expect(checkpoints.figures.pages).toBeGreaterThan(300);
    expect(await kernel.module.get(Database).writer.query('pragma wal_autocheckpoint')).toEqual([{ wal_autocheckpoint: 0 }]);
  });

  it('bound the log while somebody writes without a pause, and all of it is there', async () => {
    const { writerPauses } = checkpoints.figures;
    let most = 0;
    let hasStopped = false;
    const writer = (async () => {
      while (!hasStopped) {
        await fill(20);
        most = Math.max(most, logPages());
        // Everything of SQLite happens at once: without this nobody else would ever run.
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    // Ten times what the log may hold has gone through it.
    const before = checkpoints.figures.pages;
    await eventually(() => checkpoints.figures.pages - before > 4_000);
    hasStopped = true;
    await writer;
    expect(checkpoints.figures.writerPauses).toBeGreaterThan(writerPauses);
    // The bound, and what is written between two looks.
    expect(most).toBeLessThan(4_000);
    expect(await kernel.module.get(Database).query('select count(*) as rows, max(n) as last from filler')).toEqual([{ rows: n, last: n }]);
  });

  it('hold nobody up where another process reads for long; the log begins anew after it', async () => {
    await eventually(() => waiting() === 0);
    const reader = new BetterSqlite3(file(), { readonly: true });
    reader.exec('begin');
    reader.prepare('select count(*) from filler').get();
    for (let at = 0; at < 60; at++) await fill(20);
    expect(logPages()).toBeGreaterThan(limits.mostLogPages);
    await eventually(() => checkpoints.figures.logPages > limits.mostLogPages);
    reader.exec('commit');
    reader.close();
    await eventually(async () => {
      await fill(1);
      return waiting() < 100 && checkpoints.figures.logPages < limits.mostLogPages;
    });
  });

  it('go on in a new thread where theirs has ended', async () => {
    const before = checkpoints.figures.checkpoints;
    const thread = checkpoints['thread'];
    if (!thread) throw new Error('no thread');
    await thread.end();
    for (let at = 0; at < 30; at++) await fill(10);
    await eventually(() => checkpoints.figures.checkpoints > before && waiting() === 0);
    expect(checkpoints['thread']).not.toBe(thread);
  });

  it('are the committing thread’s own where no thread can be had, until one can', async () => {
    const { failures } = checkpoints.figures;
    const ask = jest.spyOn(CheckpointThread.prototype, 'ask').mockRejectedValue(new Error('no thread'));
    const isUsable = jest.spyOn(CheckpointThread.prototype, 'isUsable', 'get').mockReturnValue(false);
    const db = kernel.module.get(Database);
    const automatic = async () =>
      (await db.writer.query<{ wal_autocheckpoint: number }[]>('pragma wal_autocheckpoint'))[0]?.wal_autocheckpoint;
    try {
      await eventually(async () => {
        await fill(1);
        return checkpoints.figures.failures > failures && (await automatic()) === 1_000;
      });
    } finally {
      ask.mockRestore();
      isUsable.mockRestore();
    }
    await eventually(async () => {
      await fill(1);
      return (await automatic()) === 0;
    });
  });
});
