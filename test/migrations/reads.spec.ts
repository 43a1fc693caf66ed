import { Logger } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { MusterConfig } from '../../src/config/muster-config.js';
import { connect, dataSourceOptions } from '../../src/core/database/data-source.js';
import { driftOf, migrate } from '../../src/core/database/migrator.js';
import { Reads1795273200000 } from '../../src/migrations/1795273200000-reads.migration.js';
import { schema } from '../../src/migrations/schema.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';

const keyOf = (id: string) => createHash('sha256').update(id).digest('hex').slice(0, 32);

describe.each(DIALECTS)('the migration of reads on %s', (dialect) => {
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

  it('finds tool calls, usage and last messages in logs there are', async () => {
    const migration = new Reads1795273200000();
    const inTransaction = async (direction: 'up' | 'down') => {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await migration[direction](runner);
      await runner.commitTransaction();
      await runner.release();
    };
    await inTransaction('down');
    for (const id of ['s', 't'])
      await dataSource.query(`insert into sessions (id, source, workspace_id, name, agent, runtime, status, origin, mcp_servers, project_dir, state, metadata, policy,
        isolation, launch, owner_id, usage_input, usage_output, usage_cache_read, usage_cache_write, usage_cost_usd, created_at, updated_at, version, model)
        values ('${id}', 'api', 'w', 'n', 'bot', 'external', 'idle', 'reported', '[]', '', '{}', '{}', 'deny', 'none', ${dialect === 'postgres' ? 'true' : '1'}, 'me',
        0, 0, 0, 0, 0, 'now', 'now', 1, ${id === 's' ? "'m1'" : 'null'})`);
    const events: [string, number, string, object | null][] = [
      ['s', 1, 'message', { role: 'assistant', content: [] }],
      ['s', 2, 'tool_call', { toolCallId: 'a' }],
      ['s', 3, 'usage', { input: 1, output: 2 }],
      ['s', 4, 'usage', { input: 4, costUsd: 0.5, model: 'm2' }],
      ['s', 5, 'usage', { input: 8 }],
      ['s', 6, 'message', { role: 'user', content: [{ type: 'text', text: '"role":"assistant"' }] }],
      ['t', 1, 'tool_update', null],
      ['t', 2, 'tool_update', { toolCallId: 'b' }],
    ];
    for (const [session, seq, type, payload] of events)
      await dataSource.query(`insert into session_events (session_id, seq, id, turn, type, source, actor, occurred_at, recorded_at, hash, payload)
        values ('${session}', ${seq}, 'e${seq}', ${seq === 5 ? 'null' : 1}, '${type}', 'api', 'me', '2026-11-01T00:00:00.000Z', 'now', 'h',
        ${payload ? `'${JSON.stringify(payload)}'` : 'null'})`);
    await inTransaction('up');
    expect(await dataSource.query('select session_id, seq, call_key from tool_events order by session_id, seq')).toEqual([
      { session_id: 's', seq: 2, call_key: keyOf('a') },
      { session_id: 't', seq: 2, call_key: keyOf('b') },
    ]);
    expect(await dataSource.query('select id, last_message_seq from sessions order by id')).toEqual([
      { id: 's', last_message_seq: 1 },
      { id: 't', last_message_seq: null },
    ]);
    const usage = await dataSource.query(
      'select turn, day, model, workspace_id, owner_id, agent, input, output, cost_usd from usage_entries order by turn, model',
    );
    const common = { day: '2026-11-01', workspace_id: 'w', owner_id: 'me', agent: 'bot' };
    expect(usage.map((row: any) => ({ ...row, input: Number(row.input), output: Number(row.output) }))).toEqual([
      { ...common, turn: 0, model: 'm1', input: 8, output: 0, cost_usd: 0 },
      { ...common, turn: 1, model: 'm1', input: 1, output: 2, cost_usd: 0 },
      { ...common, turn: 1, model: 'm2', input: 4, output: 0, cost_usd: 0.5 },
    ]);
    expect(await driftOf(dataSource)).toEqual([]);
  });
});
