import { Logger } from '@nestjs/common';
import { MusterConfig } from '../../src/config/muster-config.js';
import { connect, dataSourceOptions } from '../../src/core/database/data-source.js';
import { driftOf, migrate, SchemaDriftError } from '../../src/core/database/migrator.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import type { DataSource } from 'typeorm';

describe.each(DIALECTS)('the migrations on %s', (dialect) => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const open = () => {
    const config = new MusterConfig(database.environment).database;
    return connect(config, dataSourceOptions(config, schema), () => undefined);
  };

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createDatabase(dialect);
    dataSource = await open();
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('make the tables the entities describe, once', async () => {
    await migrate(dataSource);
    expect(await driftOf(dataSource)).toEqual([]);
    const [counter] = await dataSource.query('select epoch, position from outbox_counter');
    expect(counter.epoch).toMatch(/^[0-9a-f]{8}$/);
    expect(Number(counter.position)).toBe(0);
    await migrate(dataSource);
    expect(await dataSource.query('select epoch from outbox_counter')).toEqual([{ epoch: counter.epoch }]);
  });

  it('go back and forth', async () => {
    await dataSource.undoLastMigration();
    expect((await driftOf(dataSource)).length).toBeGreaterThan(0);
    await migrate(dataSource);
    expect(await driftOf(dataSource)).toEqual([]);
  });

  it('refuse to serve tables that are not what the entities say', async () => {
    await dataSource.query('alter table workspaces add column surprise varchar(10)');
    await expect(migrate(dataSource)).rejects.toThrow(SchemaDriftError);
    await dataSource.query('alter table workspaces drop column surprise');
    await migrate(dataSource);
  });

  it('are run by one of several servers that start at once', async () => {
    if (dialect === 'sqlite') return; // the lock on the data directory keeps others away
    await dataSource.undoLastMigration();
    const others = await Promise.all([open(), open(), open()]);
    await Promise.all(others.map((each) => migrate(each)));
    expect(await dataSource.query('select count(*)::int as rows from outbox_counter')).toEqual([{ rows: 1 }]);
    await Promise.all(others.map((each) => each.destroy()));
  });
});
