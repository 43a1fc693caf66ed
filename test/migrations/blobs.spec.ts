import type { DataSource, QueryRunner } from 'typeorm';
import { driftOf } from '../../src/core/database/migrator.js';
import { forDialect } from '../../src/core/database/dialect.js';
import { Blobs1795255200000 } from '../../src/migrations/1795255200000-blobs.migration.js';
import { openBareDatabase } from '../support/bare-database.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('the migration of blobs on %s', (dialect) => {
  let database: Awaited<ReturnType<typeof openBareDatabase>>;
  let dataSource: DataSource;
  const withRunner = async <T>(run: (runner: QueryRunner) => Promise<T>): Promise<T> => {
    const runner = dataSource.createQueryRunner();
    try {
      return await run(runner);
    } finally {
      await runner.release();
    }
  };
  const columns = (table: string) => withRunner(async (runner) => (await runner.getTable(table))?.columns.map(({ name }) => name).sort());

  beforeAll(async () => {
    database = await openBareDatabase(dialect);
    ({ dataSource } = database);
  });
  afterAll(() => database?.close());

  it('says with each session what the bytes are, forth and back', async () => {
    expect(await columns('session_blobs')).toEqual(['mime_type', 'session_id', 'sha256']);
    expect(await columns('blobs')).toEqual(['bytes', 'sha256', 'size']);
    const bytes = Buffer.from([0, 255, 10, 13, 0]);
    await dataSource.query(forDialect(dialect, 'insert into blobs (sha256, size, bytes) values (?, ?, ?)'), ['a'.repeat(64), 5, bytes]);
    const migration = new Blobs1795255200000();
    await withRunner((runner) => migration.down(runner));
    expect(await columns('session_blobs')).toEqual(['session_id', 'sha256']);
    expect(await columns('blobs')).toEqual(['bytes', 'mime_type', 'sha256', 'size']);
    await withRunner((runner) => migration.up(runner));
    expect(await driftOf(dataSource)).toEqual([]);
    const [row] = await dataSource.query('select size, bytes from blobs');
    expect([Number(row.size), Buffer.from(row.bytes)]).toEqual([5, bytes]);
  });
});
