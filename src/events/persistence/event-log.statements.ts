import { type Dialect, placeholders } from '../../core/database/dialect.js';
import type { Growth, Head } from '../event-log.types.js';
import type { PreparedEvent } from '../event-preparation.js';

/** Events of one session that are asked for by their ids. */
export interface WantedIds {
  readonly sessionId: string;
  readonly events: readonly { readonly id: string }[];
}

/**
 * The statements of a flush. PostgreSQL gets arrays, one parameter a column, so that a statement has one text whatever it carries; SQLite
 * gets rows in few different numbers, so that prepared statements are found again.
 */
interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** One statement, and the parameters of each time that it runs. */
interface Repeated {
  readonly sql: string;
  readonly rows: readonly (readonly unknown[])[];
}

type Value = string | number | boolean | null;

export const HEAD = 'session_id, epoch, last_seq, earliest_seq, message_count, ended';
const EVENT = 'session_id, seq, id, turn, type, source, actor, occurred_at, recorded_at, native_id, payload, hash';
const EVENT_TYPES = [
  'varchar',
  'int',
  'varchar',
  'int',
  'varchar',
  'varchar',
  'varchar',
  'varchar',
  'varchar',
  'varchar',
  'text',
  'varchar',
];
/** Rows a statement on SQLite: what is left over is filled up by repeating the last row where that changes nothing, else goes in smaller ones. */
const SIZES = [200, 50, 10, 1] as const;

/** PostgreSQL locks the rows in the order in which they are sorted. */
export function lockHeads(dialect: Dialect, sortedIds: readonly string[]): Statement {
  if (dialect === 'postgres')
    return {
      sql: `select ${HEAD} from session_heads where session_id = any(?::varchar[]) order by session_id for update`,
      parameters: [sortedIds],
    };
  // At most 2,000 sessions a group, far below the 32,766 parameters that SQLite takes.
  const size = Math.max(1, 2 ** Math.ceil(Math.log2(sortedIds.length)));
  const filled = filledUp(sortedIds, size);
  return { sql: `select ${HEAD} from session_heads where session_id in ${placeholders(1, size)}`, parameters: filled };
}

export function findByIds(dialect: Dialect, wanted: readonly WantedIds[]): Statement[] {
  const pairs = wanted.flatMap(({ sessionId, events }) => events.map(({ id }): Value[] => [sessionId, id]));
  if (dialect === 'postgres')
    return [
      {
        // A row at a time, by the unique index: without statistics the planner would rather read a table that has become large.
        sql: 'select e.session_id, e.id, e.seq, e.hash from unnest(?::varchar[], ?::varchar[]) as v(session_id, id) cross join lateral (select session_id, id, seq, hash from session_events where session_id = v.session_id and id = v.id limit 1) as e',
        parameters: columnsOf(pairs, 2),
      },
    ];
  const [largest] = SIZES;
  return inParts(pairs, largest).map((part) => {
    const size = SIZES.findLast((each) => each >= part.length) ?? largest;
    return {
      sql: `select e.session_id, e.id, e.seq, e.hash from (values ${placeholders(size, 2)}) as v cross join session_events as e where e.session_id = v.column1 and e.id = v.column2`,
      parameters: filledUp(part, size).flat(),
    };
  });
}

export function insertEvents(dialect: Dialect, growths: readonly Growth[], recordedAt: string): Statement[] {
  const rows = growths.flatMap(({ head, fresh }) => fresh.map((event, index) => rowOf(head, event, index, recordedAt)));
  if (rows.length === 0) return [];
  const columns = EVENT_TYPES.length;
  if (dialect === 'postgres')
    return [
      {
        sql: `insert into session_events (${EVENT}) select * from unnest(${EVENT_TYPES.map((type) => `?::${type}[]`).join(', ')})`,
        parameters: columnsOf(rows, columns),
      },
    ];
  const statements: Statement[] = [];
  let at = 0;
  for (const size of SIZES)
    for (; rows.length - at >= size; at += size) statements.push({ sql: insertOf(size), parameters: rows.slice(at, at + size).flat() });
  return statements;
}

export function advanceHeads(dialect: Dialect, growths: readonly Growth[]): Repeated {
  const rows = growths.map(({ head, fresh, ended }): Value[] => [
    head.sessionId,
    head.lastSeq + fresh.length,
    head.messageCount + fresh.filter(({ type }) => type === 'message' || type === 'input').length,
    ended,
  ]);
  if (dialect === 'postgres')
    return {
      sql: 'update session_heads as h set last_seq = v.last_seq, message_count = v.message_count, ended = v.ended from unnest(?::varchar[], ?::int[], ?::int[], ?::boolean[]) as v(session_id, last_seq, message_count, ended) where h.session_id = v.session_id',
      rows: [columnsOf(rows, 4)],
    };
  return {
    sql: 'update session_heads set last_seq = ?, message_count = ?, ended = ? where session_id = ?',
    rows: rows.map(([sessionId, lastSeq, messageCount, ended]) => [lastSeq, messageCount, ended, sessionId]),
  };
}

const inserts = new Map<number, string>();
function insertOf(rows: number): string {
  const known = inserts.get(rows);
  if (known !== undefined) return known;
  const sql = `insert into session_events (${EVENT}) values ${placeholders(rows, EVENT_TYPES.length)}`;
  inserts.set(rows, sql);
  return sql;
}

function rowOf({ sessionId, lastSeq }: Head, event: PreparedEvent, index: number, recordedAt: string): Value[] {
  const { id, turn, type, source, actor, occurredAt, nativeId, payload, hash } = event;
  return [sessionId, lastSeq + 1 + index, id, turn, type, source, actor, occurredAt, recordedAt, nativeId, payload, hash];
}

const columnsOf = (rows: readonly Value[][], count: number): (Value | undefined)[][] =>
  Array.from({ length: count }, (_, column) => rows.map((row) => row[column]));

const inParts = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, index) => all.slice(index * size, (index + 1) * size));

/** `size` of them, the last one again and again: harmless where rows are only looked for. */
const filledUp = <T>(some: readonly T[], size: number): T[] => {
  const last = some.at(-1);
  return last === undefined ? [] : [...some, ...Array.from({ length: size - some.length }, () => last)];
};
