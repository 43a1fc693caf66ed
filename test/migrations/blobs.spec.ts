import { Logger } from '@nestjs/common';
import type { DataSource, QueryRunner } from 'typeorm';
import { MusterConfig } from '../../src/config/muster-config.js';
import { connect, dataSourceOptions } from '../../src/core/database/data-source.js';
import { driftOf, migrate } from '../../src/core/database/migrator.js';
import { forDialect } from '../../src/core/database/dialect.js';
import { Blobs1795255200000 } from '../../src/migrations/1795255200000-blobs.migration.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';

describe.each(DIALECTS)('the migration of blobs on %s', (dialect) => {
  let database: TestDatabase;
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
    Logger.overrideLogger(false);
    database = await createDatabase(dialect);
    const config = new MusterConfig(database.environment).database;
    dataSource = await connect(config, dataSourceOptions(config, schema), () => undefined);
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('says with each session what the bytes are, forth and back', async () => {
    await migrate(dataSource);
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
