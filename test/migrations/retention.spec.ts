import type { DataSource } from 'typeorm';
import { driftOf } from '../../src/core/database/migrator.js';
import { Retention1795262400000 } from '../../src/migrations/1795262400000-retention.migration.js';
import { openBareDatabase } from '../support/bare-database.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('the migration of retention on %s', (dialect) => {
  let database: Awaited<ReturnType<typeof openBareDatabase>>;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await openBareDatabase(dialect);
    ({ dataSource } = database);
  });
  afterAll(() => database?.close());

  it('finds where turns ended in logs there are, and keeps what else there is', async () => {
    const migration = new Retention1795262400000();
    const inTransaction = async (direction: 'up' | 'down') => {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await migration[direction](runner);
      await runner.commitTransaction();
      await runner.release();
    };
    await inTransaction('down');
    await dataSource.query(`insert into workspaces (id, name, path, metadata, owner_id, created_at, updated_at, version)
      values ('w', 'w', '/w', '{}', 'me', 'now', 'now', 1)`);
    await dataSource.query(
      `insert into turns (session_id, number, state, started_at, ended_at) values ('s', 1, 'completed', 'a', 'b'), ('s', 2, 'started', 'c', null)`,
    );
    for (const [seq, turn] of [
      [1, 'null'],
      [2, 1],
      [3, 1],
      [4, 'null'],
      [5, 2],
    ])
      await dataSource.query(`insert into session_events (session_id, seq, id, turn, type, source, actor, occurred_at, recorded_at, hash)
        values ('s', ${seq}, 'e${seq}', ${turn}, 'log', 'api', 'me', 'now', 'now', 'h')`);
    await inTransaction('up');
    expect(await dataSource.query('select number, ended_seq from turns order by number')).toEqual([
      { number: 1, ended_seq: 3 },
      { number: 2, ended_seq: null },
    ]);
    expect(await dataSource.query('select id, retention from workspaces')).toEqual([{ id: 'w', retention: null }]);
    expect(await dataSource.query('select id, fingerprint, restored_at from database_identity')).toEqual([
      { id: 1, fingerprint: null, restored_at: null },
    ]);
    expect(await driftOf(dataSource)).toEqual([]);
  });
});
