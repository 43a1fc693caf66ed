import { Test, type TestingModule } from '@nestjs/testing';
import type { Type } from '@nestjs/common';
import { ConfigModule } from '../../src/config/config.module.js';
import { MusterConfig } from '../../src/config/muster-config.js';
import { CoreModule } from '../../src/core/core.module.js';
import type { Dialect } from '../../src/core/database/dialect.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, type TestDatabase } from './databases.js';

/** Core and a few modules over a real database, without a server. */
export async function startKernel(
  dialect: Dialect,
  imports: Type[] = [],
  providers: Type[] = [],
): Promise<{ module: TestingModule; database: TestDatabase; stop: () => Promise<void> }> {
  const database = await createDatabase(dialect);
  const module = await Test.createTestingModule({
    imports: [ConfigModule.of(new MusterConfig(database.environment)), CoreModule.of(schema), ...imports],
    providers,
  }).compile();
  module.useLogger(false);
  await module.init();
  return {
    module,
    database,
    stop: async () => {
      await module.close();
      await database.drop();
    },
  };
}
