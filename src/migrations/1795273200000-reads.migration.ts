import { hash } from 'node:crypto';
import { type MigrationInterface, type QueryRunner, TableColumn, TableIndex } from 'typeorm';
import { parseObject } from '../core/json.js';
import { forDialect } from '../core/database/dialect.js';
import { bigint, double, id, integer, optional, primary, table, text, varchar } from './tables.js';

const EVENTS_A_STEP = 1_000;

interface OldEvent {
  readonly session_id: string;
  readonly seq: number;
  readonly type: string;
  readonly turn: number | null;
  readonly occurred_at: string;
  readonly payload: string;
  readonly workspace_id: string | null;
  readonly owner_id: string;
  readonly agent: string;
  readonly model: string | null;
}

/** The rules of modes, what reads of whole conversations go by, and the account of tokens and cost. */
export class Reads1795273200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn('sessions', new TableColumn({ ...text(optional), name: 'mode_rules' }));
    await runner.addColumn('sessions', new TableColumn({ ...integer(optional), name: 'last_message_seq' }));
    for (const [on, index] of INDICES) await runner.createIndex(on, index);
    await runner.createTable(toolEvents);
    await runner.createTable(usageEntries);
    // Nothing a payload tells has this text but the payload's own role: within texts quotes are escaped.
    await runner.query(
      `update sessions set last_message_seq = (select max(e.seq) from session_events e where e.session_id = sessions.id and e.type = 'message' and e.payload like '%"role":"assistant"%')`,
    );
    await this.fill(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('usage_entries');
    await runner.dropTable('tool_events');
    for (const [on, index] of INDICES) await runner.dropIndex(on, index);
    await runner.dropColumn('sessions', 'last_message_seq');
    await runner.dropColumn('sessions', 'mode_rules');
  }

  /** What the log tells of tools and usage, as the server writes it down since then. */
  private async fill(runner: QueryRunner): Promise<void> {
    const dialect = runner.connection.options.type === 'postgres' ? 'postgres' : 'sqlite';
    const run = (sql: string, parameters: unknown[]) => runner.manager.query<OldEvent[]>(forDialect(dialect, sql), parameters);
    for (let after: [string, number] | undefined = ['', 0]; after;) {
      const rows: OldEvent[] = await run(
        `select e.session_id, e.seq, e.type, e.turn, e.occurred_at, e.payload, s.workspace_id, s.owner_id, s.agent, s.model
         from session_events e join sessions s on s.id = e.session_id
         where (e.session_id, e.seq) > (?, ?) and e.payload is not null and e.type in ('tool_call', 'tool_update', 'usage')
         order by e.session_id, e.seq limit ?`,
        [...after, EVENTS_A_STEP],
      );
      for (const row of rows) {
        const payload = parseObject(row.payload);
        if (row.type === 'usage') await run(ADD_USAGE, usageRow(row, payload));
        else await run('insert into tool_events (session_id, seq, call_key) values (?, ?, ?)', [row.session_id, row.seq, keyOf(payload)]);
      }
      const last = rows.at(-1);
      after = last && [last.session_id, last.seq];
    }
  }
}

const INDICES: readonly (readonly [string, TableIndex])[] = [
  ['sessions', new TableIndex({ name: 'idx_sessions_ended', columnNames: ['workspace_id', 'ended_at', 'id'] })],
  [
    'session_events',
    new TableIndex({ name: 'idx_session_events_messages', columnNames: ['session_id', 'seq'], where: `type in ('message', 'input')` }),
  ],
];

const toolEvents = table(
  'tool_events',
  { sessionId: id(primary), seq: integer(primary), callKey: varchar(32) },
  { idx_tool_events_call: { on: ['sessionId', 'callKey', 'seq'] } },
);

const usageEntries = table(
  'usage_entries',
  {
    sessionId: id(primary),
    turn: integer(primary),
    day: varchar(10, primary),
    model: varchar(256, primary),
    workspaceId: id(optional),
    ownerId: varchar(128),
    agent: varchar(128),
    input: bigint(),
    output: bigint(),
    cacheRead: bigint(),
    cacheWrite: bigint(),
    costUsd: double(),
  },
  { idx_usage_entries_workspace: { on: ['workspaceId', 'day'] }, idx_usage_entries_owner: { on: ['ownerId', 'day'] } },
);

const ADD_USAGE = `insert into usage_entries (session_id, turn, day, model, workspace_id, owner_id, agent, input, output, cache_read, cache_write, cost_usd)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (session_id, turn, day, model) do update set input = usage_entries.input + excluded.input, output = usage_entries.output + excluded.output,
  cache_read = usage_entries.cache_read + excluded.cache_read, cache_write = usage_entries.cache_write + excluded.cache_write,
  cost_usd = usage_entries.cost_usd + excluded.cost_usd`;

const keyOf = ({ toolCallId }: Readonly<Record<string, unknown>>): string => hash('sha256', String(toolCallId), 'hex').slice(0, 32);

function usageRow(row: OldEvent, payload: Readonly<Record<string, unknown>>): unknown[] {
  const count = (field: string) => Number(payload[field] ?? 0);
  const model = typeof payload['model'] === 'string' ? payload['model'].replaceAll('\u0000', '\uFFFD').slice(0, 256) : (row.model ?? '');
  return [
    row.session_id,
    row.turn ?? 0,
    row.occurred_at.slice(0, 10),
    model,
    row.workspace_id,
    row.owner_id,
    row.agent,
    ...['input', 'output', 'cacheRead', 'cacheWrite', 'costUsd'].map(count),
  ];
}
