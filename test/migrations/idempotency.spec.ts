import type { DataSource } from 'typeorm';
import { driftOf } from '../../src/core/database/migrator.js';
import { Idempotency1795258800000 } from '../../src/migrations/1795258800000-idempotency.migration.js';
import { openBareDatabase } from '../support/bare-database.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('the migration of idempotency keys on %s', (dialect) => {
  let database: Awaited<ReturnType<typeof openBareDatabase>>;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await openBareDatabase(dialect);
    ({ dataSource } = database);
  });
  afterAll(() => database?.close());

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
