import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';

/** Any number: it only has to be ours among the advisory locks of this database. */
const ADVISORY_LOCK = 4_600_001;

/** Entities and tables disagree after migrating: a migration is missing or wrong, and serving would corrupt data. */
export class SchemaDriftError extends Error {
  override readonly name = 'SchemaDriftError';
}

/**
 * Brings the database to the newest state, one process at a time, and proves that it is what the entities say.
 * On SQLite the lock on the data directory keeps others away.
 * @throws SchemaDriftError
 */
export async function migrate(dataSource: DataSource): Promise<void> {
  const logger = new Logger('Migrations');
  const release = await lock(dataSource);
  try {
    const done = await dataSource.runMigrations();
    for (const { name } of done) logger.log({ msg: 'migrated', migration: name });
    const drift = await driftOf(dataSource);
    if (drift.length > 0) throw new SchemaDriftError(`The database is not what this version expects:\n${drift.join('\n')}`);
  } finally {
    await release();
  }
}

/** The statements that would make the tables what the entities say; none where they agree. */
export async function driftOf(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

async function lock(dataSource: DataSource): Promise<() => Promise<void>> {
  if (dataSource.options.type !== 'postgres') return () => Promise.resolve();
  const runner = dataSource.createQueryRunner();
  await runner.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
  return async () => {
    await runner.query('select pg_advisory_unlock($1)', [ADVISORY_LOCK]);
    await runner.release();
  };
}
