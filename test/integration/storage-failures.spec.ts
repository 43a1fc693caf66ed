import { Database } from '../../src/core/database/database.js';
import { StorageState } from '../../src/core/database/storage-state.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { DatabaseUnavailableError, StorageFullError } from '../../src/core/errors/storage.errors.js';
import { newId } from '../../src/core/ids.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { DIALECTS } from '../support/databases.js';
import { loseCommits } from '../support/lost-commits.js';
import { startKernel } from '../support/kernel.js';

describe.each(DIALECTS)('failures below the database on %s', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let unit: UnitOfWork;
  let db: Database;
  let log: EventLog;
  let storage: StorageState;

  beforeAll(async () => {
    kernel = await startKernel(dialect, [EventLogModule]);
    unit = kernel.module.get(UnitOfWork);
    db = kernel.module.get(Database);
    log = kernel.module.get(EventLog);
    storage = kernel.module.get(StorageState);
    await unit.run((work) => work.query('create table kept (id varchar(64) primary key)'));
  });
  afterAll(() => kernel.stop());

  const keep = (id: string) => unit.run((work) => work.query('insert into kept (id) values (?)', [id]));
  /** As others see it: on SQLite over the other connection. */
  const isKept = async (id: string) => (await db.query('select id from kept where id = ?', [id])).length === 1;
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'kept',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : String(error)),
    );

  it('a unit that failed twice over does not make the next ones vanish', async () => {
    const failing = (sql?: string) =>
      unit.run(async (work) => {
        await work.query('insert into kept (id) values (?)', ['never']);
        if (sql) await work.query(sql);
        throw new Error('no');
      });
    // As SQLite does by itself where its disk fails.
    await expect(failing('rollback')).rejects.toThrow('no');
    await expect(failing()).rejects.toThrow('no');
    for (const id of ['one', 'two']) {
      await keep(id);
      expect(await isKept(id)).toBe(true);
    }
    await expect(failing()).rejects.toThrow('no');
    await keep('three');
    expect(await isKept('three')).toBe(true);
    expect(await isKept('never')).toBe(false);
  });

  it('a commit whose answer is lost is of unknown outcome, and the same ids find it', async () => {
    const sessionId = newId();
    await unit.run((work) => log.open(work, sessionId));
    const draft = (id: string) => ({ id, type: 'log', source: 'api' as const, actor: 'test', payload: { level: 'info', text: id } });
    const loss = loseCommits(db, () => true);
    const ids = Array.from({ length: 20 }, (_, index) => `e${index}`);
    const lost = await Promise.all(ids.map((id) => codeOf(log.appendOne(sessionId, draft(id)))));
    expect(new Set(lost)).toEqual(new Set(['database_unavailable']));
    expect(loss.count).toBe(1);
    expect(storage.trouble?.code).toBe('database_unavailable');
    loss.stop();
    const found = await Promise.all(ids.map((id) => log.appendOne(sessionId, draft(id))));
    expect(found.map(({ duplicate }) => duplicate)).toEqual(ids.map(() => true));
    expect(found.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(ids.map((_, index) => index + 1));
    expect(await log.appendOne(sessionId, draft('next'))).toMatchObject({ seq: 21, duplicate: false });
    expect(storage.trouble).toBeUndefined();
  });

  if (dialect === 'sqlite')
    it('a unit that could not be rolled back takes no later one with it', async () => {
      // SQLite has one runner for all.
      const runner = db.writer.createQueryRunner();
      const query = runner.query.bind(runner);
      const failing = jest.spyOn(runner, 'query').mockImplementation((...given: Parameters<typeof query>) => {
        if (given[0].toLowerCase() === 'rollback') throw new Error('disk I/O error');
        return query(...given);
      });
      const undone = unit.run(async (work) => {
        await work.query('insert into kept (id) values (?)', ['undone']);
        throw new Error('the reason');
      });
      await expect(undone).rejects.toThrow('the reason');
      expect(await codeOf(keep('meanwhile'))).toBe('database_unavailable');
      expect(storage.trouble?.code).toBe('database_unavailable');
      failing.mockRestore();
      await keep('healed');
      expect([await isKept('undone'), await isKept('meanwhile'), await isKept('healed')]).toEqual([false, false, true]);
      expect(storage.trouble).toBeUndefined();
    });

  if (dialect === 'sqlite')
    it('SQLITE_FULL is a StorageFullError, told once, and nothing of the unit is kept', async () => {
      const [{ page_count: pages }] = await db.writer.query('pragma page_count');
      await db.writer.query(`pragma max_page_count = ${pages}`);
      const large = 'x'.repeat(20_000);
      const failures = storage.failures.get('storage_full') ?? 0;
      for (let round = 0; round < 2; round++) {
        const failed = unit.run(async (work) => {
          await work.query('insert into kept (id) values (?)', ['half']);
          await work.query('insert into kept (id) values (?)', [large]);
        });
        await expect(failed).rejects.toBeInstanceOf(StorageFullError);
      }
      expect(await isKept('half')).toBe(false);
      expect(storage.failures.get('storage_full')).toBe(failures + 2);
      expect(storage.trouble?.code).toBe('storage_full');
      await db.writer.query('pragma max_page_count = 1000000');
      await keep('room again');
      expect(await isKept('room again')).toBe(true);
      expect(storage.trouble).toBeUndefined();
    });

  if (dialect === 'postgres')
    it('a backend that is ended is a DatabaseUnavailableError; the next unit has a new one', async () => {
      const failed = unit.run(async (work) => {
        await work.query('insert into kept (id) values (?)', ['half']);
        await work.query('select pg_terminate_backend(pg_backend_pid())');
        await work.query('select 1');
      });
      await expect(failed).rejects.toBeInstanceOf(DatabaseUnavailableError);
      await keep('after');
      expect([await isKept('half'), await isKept('after')]).toEqual([false, true]);
      // All at once, in the middle of whatever they do.
      const units = Array.from({ length: 40 }, (_, index) =>
        codeOf(
          unit.run(async (work) => {
            await work.query('insert into kept (id) values (?)', [`many${index}`]);
            await work.query('select pg_sleep(0.005)');
          }),
        ),
      );
      await codeOf(
        db.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'),
      );
      const outcomes = await Promise.all(units);
      expect([...new Set(outcomes)].filter((each) => each !== 'kept' && each !== 'database_unavailable')).toEqual([]);
      for (const [index, outcome] of outcomes.entries()) if (outcome === 'kept') expect(await isKept(`many${index}`)).toBe(true);
      await keep('at last');
      expect(await isKept('at last')).toBe(true);
    });
});
