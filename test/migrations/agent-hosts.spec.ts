import type { DataSource } from 'typeorm';
import { driftOf } from '../../src/core/database/migrator.js';
import { AgentHosts1795269600000 } from '../../src/migrations/1795269600000-agent-hosts.migration.js';
import { openBareDatabase } from '../support/bare-database.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('the migration of the hosts of agents on %s', (dialect) => {
  let database: Awaited<ReturnType<typeof openBareDatabase>>;
  let dataSource: DataSource;

  beforeAll(async () => {
    database = await openBareDatabase(dialect);
    ({ dataSource } = database);
  });
  afterAll(() => database?.close());

  it('goes back and forth, and gives a session one host', async () => {
    const runner = dataSource.createQueryRunner();
    const migration = new AgentHosts1795269600000();
    const insert = () =>
      dataSource.query(
        `insert into agent_hosts (session_id, host_id, directory, socket, process_id, process_started_at, agent_process_id, agent_started_at, taken_n, resume_n, created_at)
         values ('s', 'h', '/d', '/d/socket', 1, 9007199254740991, 2, 3, 0, 0, '2026-01-01T00:00:00.000Z')`,
      );
    await insert();
    await expect(insert()).rejects.toThrow(/unique/i);
    await migration.down(runner);
    await expect(insert()).rejects.toThrow();
    expect((await driftOf(dataSource)).length).toBeGreaterThan(0);
    await migration.up(runner);
    expect(await driftOf(dataSource)).toEqual([]);
    await runner.release();
  });
});
