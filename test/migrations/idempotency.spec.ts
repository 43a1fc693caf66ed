import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { MusterConfig } from '../../src/config/muster-config.js';
import { connect, dataSourceOptions } from '../../src/core/database/data-source.js';
import { driftOf, migrate } from '../../src/core/database/migrator.js';
import { Idempotency1795258800000 } from '../../src/migrations/1795258800000-idempotency.migration.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';

describe.each(DIALECTS)('the migration of idempotency keys on %s', (dialect) => {
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

  const columns = `id, principal_id, operation, fingerprint, status, headers, body, created_at, expires_at`;
  const insert = (id: string) =>
    dataSource.query(
      `insert into idempotency_keys (${columns}) values ('${id}', 'p', 'o', 'f', 201, '{}', '{}', '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z')`,
    );

  it('goes back and forth, and lets an id in once', async () => {
    const runner = dataSource.createQueryRunner();
    const migration = new Idempotency1795258800000();
    await insert('one');
    await expect(insert('one')).rejects.toThrow(/unique/i);
    await migration.down(runner);
    await expect(insert('two')).rejects.toThrow();
    expect((await driftOf(dataSource)).length).toBeGreaterThan(0);
    await migration.up(runner);
    expect(await driftOf(dataSource)).toEqual([]);
    expect(await dataSource.query('select id from idempotency_keys')).toEqual([]);
    await runner.release();
  });
});
