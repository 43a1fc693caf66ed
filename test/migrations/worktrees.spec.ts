import type { DataSource } from 'typeorm';
import { driftOf } from '../../src/core/database/migrator.js';
import { Worktrees1795276800000 } from '../../src/migrations/1795276800000-worktrees.migration.js';
import { openBareDatabase } from '../support/bare-database.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('the migration of worktrees on %s', (dialect) => {
  let database: Awaited<ReturnType<typeof openBareDatabase>>;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await openBareDatabase(dialect);
    ({ dataSource } = database);
  });
  afterAll(() => database?.close());

  it('goes down and up again, and makes the tables that the entities want', async () => {
    const migration = new Worktrees1795276800000();
    const runner = dataSource.createQueryRunner();
    await migration.down(runner);
    expect([await runner.hasTable('worktrees'), await runner.hasTable('session_trees')]).toEqual([false, false]);
    await migration.up(runner);
    await runner.release();
    expect(await driftOf(dataSource)).toEqual([]);
  });
});
