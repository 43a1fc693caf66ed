import { Injectable } from '@nestjs/common';
import type { ArrayQuery } from '../../core/database/array-query.js';
import { Database } from '../../core/database/database.js';
import { placeholders } from '../../core/database/dialect.js';
import type { Work } from '../../core/database/work.js';
import type { EventSource, EventText, Growth, Head, StoredEvent } from '../event-log.types.js';
import { eventText } from '../wire-event.js';
import type { KnownEvent } from '../numbering.js';
import { advanceHeads, findByIds, HEAD, insertEvents, lockHeads, type WantedIds } from './event-log.statements.js';

interface KnownRow {
  session_id: string;
  id: string;
  seq: number;
  hash: string;
}

interface HeadRow {
  session_id: string;
  epoch: string;
  last_seq: number;
  earliest_seq: number;
  message_count: number;
  ended: boolean | number;
}

interface EventRow {
  seq: number;
  id: string;
  turn: number | null;
  type: string;
  source: EventSource;
  actor: string;
  occurred_at: string;
  recorded_at: string;
  native_id: string | null;
  payload: string | null;
}

type EventColumns = [
  seq: number,
  id: string,
  turn: number | null,
  type: string,
  source: EventSource,
  actor: string,
  occurredAt: string,
  recordedAt: string,
  nativeId: string | null,
  payload: string | null,
];

const EVENT = 'seq, id, turn, type, source, actor, occurred_at, recorded_at, native_id, payload';
const IDS_A_QUERY = 500;

/** The statements of the log: plain SQL over both databases, no entities, payloads as text. */
@Injectable()
export class EventLogStore {
  /** A window of numbers, which have no gaps: without statistics PostgreSQL plans `order by … limit` as a sort of the whole log. */
  private readonly window: ArrayQuery<EventColumns>;

  constructor(private readonly db: Database) {
    this.window = db.arrayQuery(`select ${EVENT} from session_events where session_id = ? and seq > ? and seq <= ? order by seq`);
  }

  async insertHead(work: Work, sessionId: string, epoch: string): Promise<void> {
    await work.query(
      'insert into session_heads (session_id, epoch, last_seq, earliest_seq, owner_epoch, message_count, ended) values (?, ?, 0, 1, 0, 0, ?)',
      [sessionId, epoch, this.flag(false)],
    );
  }

  /** In the order of the ids given, which must be that of every transaction: sorted. */
  async lockHeads(work: Work, sortedIds: readonly string[]): Promise<Head[]> {
    const { sql, parameters } = lockHeads(work.dialect, sortedIds);
    return (await work.query<HeadRow>(sql, parameters)).map(headOf);
  }

  async findHead(sessionId: string): Promise<Head | undefined> {
    const [row] = await this.db.query<HeadRow>(`select ${HEAD} from session_heads where session_id = ?`, [sessionId]);
    return row && headOf(row);
  }

  async findHeads(sessionIds: readonly string[]): Promise<Head[]> {
    const found: Head[] = [];
    for (let at = 0; at < sessionIds.length; at += IDS_A_QUERY) {
      const part = sessionIds.slice(at, at + IDS_A_QUERY);
      const rows = await this.db.query<HeadRow>(
        `select ${HEAD} from session_heads where session_id in ${placeholders(1, part.length)}`,
        part,
      );
      found.push(...rows.map(headOf));
    }
    return found;
  }

  /** Those of `wanted` that are stored, by session and id. */
  async findByIds(work: Work, wanted: readonly WantedIds[]): Promise<Map<string, Map<string, KnownEvent>>> {
    const found = new Map<string, Map<string, KnownEvent>>();
    for (const { sql, parameters } of findByIds(work.dialect, wanted))
      for (const { session_id, id, seq, hash } of await work.query<KnownRow>(sql, parameters)) {
        const own = found.get(session_id);
        if (own) own.set(id, { seq, hash });
        else found.set(session_id, new Map([[id, { seq, hash }]]));
      }
    return found;
  }

  /** Stores new events and moves the heads behind them. */
  async grow(work: Work, growths: readonly Growth[], recordedAt: string): Promise<void> {
    for (const { sql, parameters } of insertEvents(work.dialect, growths, recordedAt)) await work.query(sql, parameters);
    const { sql, rows } = advanceHeads(work.dialect, growths);
    await work.each(sql, rows);
  }

  async read(
    sessionId: string,
    { after, before, limit, types }: { after?: number; before?: number; limit: number; types?: readonly string[] },
  ): Promise<StoredEvent[]> {
    const conditions: [string, readonly unknown[]][] = [['session_id = ?', [sessionId]]];
    if (after !== undefined) conditions.push(['seq > ?', [after]]);
    if (before !== undefined) conditions.push(['seq < ?', [before]]);
    if (types && types.length > 0) conditions.push([`type in ${placeholders(1, types.length)}`, types]);
    const isBackward = before !== undefined && after === undefined;
    // Numbers have no gaps, so this changes nothing but the plan: without statistics PostgreSQL would sort the whole log for a page.
    if (!types?.length && after !== undefined && before === undefined) conditions.push(['seq <= ?', [after + limit]]);
    if (!types?.length && isBackward) conditions.push(['seq >= ?', [before - limit]]);
    const rows = await this.db.query<EventRow>(
      `select ${EVENT} from session_events where ${conditions.map(([sql]) => sql).join(' and ')} order by seq ${isBackward ? 'desc' : 'asc'} limit ?`,
      [...conditions.flatMap(([, parameters]) => parameters), limit],
    );
    if (isBackward) rows.reverse();
    return rows.map((row) => storedOf(sessionId, row));
  }

  async readTexts(sessionId: string, after: number, limit: number): Promise<EventText[]> {
    return (await this.db.durably(await this.window.read(sessionId, after, after + limit))).map(textOf);
  }

  async remove(work: Work, sessionId: string): Promise<void> {
    for (const name of ['session_events', 'tool_events', 'open_blocks', 'session_heads'])
      await work.query(`delete from ${name} where session_id = ?`, [sessionId]);
  }

  /** better-sqlite3 binds no booleans. */
  private flag(value: boolean): boolean | number {
    return this.db.dialect === 'sqlite' ? Number(value) : value;
  }
}

const headOf = (row: HeadRow): Head => ({
  sessionId: row.session_id,
  epoch: row.epoch,
  lastSeq: Number(row.last_seq),
  earliestSeq: Number(row.earliest_seq),
  messageCount: Number(row.message_count),
  ended: Boolean(row.ended),
});

const storedOf = (sessionId: string, row: EventRow): StoredEvent => ({
  sessionId,
  seq: row.seq,
  id: row.id,
  turn: row.turn,
  type: row.type,
  source: row.source,
  actor: row.actor,
  occurredAt: row.occurred_at,
  recordedAt: row.recorded_at,
  nativeId: row.native_id,
  payload: row.payload,
});

const textOf = ([seq, id, turn, type, source, actor, occurredAt, recordedAt, nativeId, payload]: EventColumns): EventText =>
  eventText({ seq, id, turn, type, source, actor, occurredAt, recordedAt, nativeId, payload });
