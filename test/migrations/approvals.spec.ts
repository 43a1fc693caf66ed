import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { MusterConfig } from '../../src/config/muster-config.js';
import { connect, dataSourceOptions } from '../../src/core/database/data-source.js';
import { driftOf, migrate } from '../../src/core/database/migrator.js';
import { Approvals1795266000000 } from '../../src/migrations/1795266000000-approvals.migration.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';

describe.each(DIALECTS)('the migration of approvals on %s', (dialect) => {
  let database: TestDatabase;
  let dataSource: DataSource;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createDatabase(dialect);
    const config = new MusterConfig(database.environment).database;
    dataSource = await connect(config, dataSourceOptions(config, schema), () => undefined);
    await migrate(dataSource);
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('makes the table as the entity has it, takes it away, and makes it again', async () => {
    const migration = new Approvals1795266000000();
    const inTransaction = async (direction: 'up' | 'down') => {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await migration[direction](runner);
      await runner.commitTransaction();
      await runner.release();
    };
    expect(await driftOf(dataSource)).toEqual([]);
    await inTransaction('down');
    expect((await driftOf(dataSource)).length).toBeGreaterThan(0);
    await inTransaction('up');
    expect(await driftOf(dataSource)).toEqual([]);
    await dataSource.query(`insert into approvals (id, session_id, seq, source, kind, title, options, takes_edits, status, created_at)
      values ('h:1', 's', 3, 'acp', 'execute', 'Run it', '[]', false, 'pending', 'now')`);
    expect(await dataSource.query('select status, decision, detail from approvals')).toEqual([
      { status: 'pending', decision: null, detail: null },
    ]);
  });
});
