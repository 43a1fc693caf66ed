import { Test } from '@nestjs/testing';
import { Client } from 'pg';
import { ConfigModule } from '../../src/config/config.module.js';
import { MusterConfig } from '../../src/config/muster-config.js';
import { CoreModule } from '../../src/core/core.module.js';
import { Database } from '../../src/core/database/database.js';
import { StorageState } from '../../src/core/database/storage-state.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { NO_CLUSTER, PostgresCluster } from '../support/postgres-cluster.js';

async function start(environment: Record<string, string>) {
  const module = await Test.createTestingModule({
    imports: [ConfigModule.of(new MusterConfig(environment)), CoreModule.of(schema)],
  }).compile();
  module.useLogger(false);
  await module.init();
  return module;
}

/** What a start was refused with. */
async function refusal(environment: Record<string, string>): Promise<string> {
  try {
    await (await start(environment)).close();
    return 'it started';
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

const onPostgres = DIALECTS.includes('postgres') ? describe : describe.skip;

onPostgres('settings of a PostgreSQL database', () => {
  let database: TestDatabase;
  const environment = () => database.environment;
  const run = async (sql: string) => {
    const client = new Client({ connectionString: database.environment.MUSTER_DATABASE_URL });
    await client.connect();
    await client.query(sql.replace('%', new URL(database.environment.MUSTER_DATABASE_URL ?? '').pathname.slice(1)));
    await client.end();
  };

  beforeAll(async () => void (database = await createDatabase('postgres')));
  afterAll(() => database.drop());
  afterEach(() => run('alter database % reset synchronous_commit'));

  it('refuses synchronous_commit=off with setting, value and remedy', async () => {
    await run('alter database % set synchronous_commit = off');
    expect(await refusal(environment())).toMatch(
      /^WeakDurabilityError: PostgreSQL runs with synchronous_commit=off: .*lost.* Set synchronous_commit=on .*MUSTER_DATABASE_ALLOW_WEAK=synchronous_commit\.$/,
    );
    expect(await refusal({ ...environment(), MUSTER_DATABASE_ALLOW_WEAK: 'fsync,full_page_writes' })).toMatch('synchronous_commit=off');
  });

  it('finds it in the connection string too', async () => {
    const url = new URL(environment().MUSTER_DATABASE_URL ?? '');
    url.searchParams.set('options', '-c synchronous_commit=off');
    expect(await refusal({ ...environment(), MUSTER_DATABASE_URL: url.href })).toMatch('synchronous_commit=off');
  });

  it.each(['local', 'remote_write', 'on', 'remote_apply'])('takes synchronous_commit=%s: it waits for the local flush', async (value) => {
    await run(`alter database % set synchronous_commit = ${value}`);
    expect(await refusal(environment())).toBe('it started');
  });

  it('takes what is allowed by name, and remembers it', async () => {
    await run('alter database % set synchronous_commit = off');
    const module = await start({ ...environment(), MUSTER_DATABASE_ALLOW_WEAK: 'synchronous_commit' });
    expect([...module.get(StorageState).weak]).toEqual([['synchronous_commit', 'off']]);
    await module.close();
  });

  it('refuses an unknown name', () => {
    expect(() => new MusterConfig({ MUSTER_DATABASE_ALLOW_WEAK: 'fsync,speed' })).toThrow(
      'MUSTER_DATABASE_ALLOW_WEAK: "speed" is not known',
    );
  });

  it('writes nothing over a connection that is made later and promises less', async () => {
    const module = await start(environment());
    const db = module.get(Database);
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await run('alter database % set synchronous_commit = off');
    await run("select pg_terminate_backend(pid) from pg_stat_activity where datname = '%' and application_name = 'muster'");
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () =>
        db.query('select 1 as one').then(
          () => 'ok',
          (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
        ),
      ),
    );
    expect(outcomes).not.toContain('ok');
    expect(outcomes).toContain('database_not_durable');
    await run('alter database % reset synchronous_commit');
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await module.close();
  });
});

const onCluster = NO_CLUSTER === undefined ? describe : describe.skip;

onCluster(`settings of a whole PostgreSQL${NO_CLUSTER === undefined ? '' : ` (skipped: ${NO_CLUSTER})`}`, () => {
  let cluster: PostgresCluster;
  let database: TestDatabase;
  beforeAll(async () => {
    cluster = await PostgresCluster.create({ fsync: 'off', full_page_writes: 'off' });
    database = await createDatabase('sqlite');
  });
  afterAll(async () => {
    await cluster.remove();
    await database.drop();
  });

  it('refuses fsync=off and full_page_writes=off, each for itself', async () => {
    const environment = { ...database.environment, MUSTER_DATABASE_URL: await cluster.createDatabase('weak') };
    const refusals: string[] = [];
    for (const allowed of ['', 'fsync', 'full_page_writes'])
      refusals.push(await refusal({ ...environment, MUSTER_DATABASE_ALLOW_WEAK: allowed }));
    expect(refusals[0]).toMatch(/(fsync|full_page_writes)=off/);
    expect(refusals[1]).toMatch(
      /^WeakDurabilityError: PostgreSQL runs with full_page_writes=off: .*MUSTER_DATABASE_ALLOW_WEAK=full_page_writes\.$/,
    );
    expect(refusals[2]).toMatch(/^WeakDurabilityError: PostgreSQL runs with fsync=off: .*MUSTER_DATABASE_ALLOW_WEAK=fsync\.$/);
    expect(await refusal({ ...environment, MUSTER_DATABASE_ALLOW_WEAK: 'fsync, full_page_writes' })).toBe('it started');
  });
});
