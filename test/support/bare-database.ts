import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { MusterConfig } from '../../src/config/muster-config.js';
import { connect, dataSourceOptions } from '../../src/core/database/data-source.js';
import type { Dialect } from '../../src/core/database/dialect.js';
import { migrate } from '../../src/core/database/migrator.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase } from './databases.js';

/** A migrated database and nothing around it: for tests of migrations. Close it in `afterAll`. */
export async function openBareDatabase(dialect: Dialect): Promise<{ dataSource: DataSource; close: () => Promise<void> }> {
  Logger.overrideLogger(false);
  const database = await createDatabase(dialect);
  const config = new MusterConfig(database.environment).database;
  const dataSource = await connect(config, dataSourceOptions(config, schema), () => undefined);
  await migrate(dataSource);
  return {
    dataSource,
    close: async () => {
      await dataSource.destroy();
      await database.drop();
    },
  };
}
