import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { placeholders } from '../../core/database/dialect.js';
import type { EventSource } from '../event-log.types.js';

/** What a whole conversation shows beside its tool calls. */
const SHOWN = ['message', 'input', 'thought', 'log', 'approval', 'file_change', 'status'];

/** An event whose payload is kept. */
export interface ConversationRow {
  readonly seq: number;
  readonly id: string;
  readonly turn: number | null;
  readonly type: string;
  readonly source: EventSource;
  readonly actor: string;
  readonly occurredAt: string;
  /** JSON text. */
  readonly payload: string;
}

export interface ToolRow extends ConversationRow {
  readonly callKey: string;
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly isBackward: boolean;
  readonly limit: number;
}

const ROW = 'e.seq, e.id, e.turn, e.type, e.source, e.actor, e.occurred_at as "occurredAt", e.payload';
const IN_RANGE = 'e.session_id = ? and e.seq >= ? and e.seq <= ? and e.payload is not null';
const TOOL_EVENTS_A_QUERY = 500;

const order = (isBackward: boolean): string => (isBackward ? 'desc' : 'asc');

/** The statements behind the reads of conversations: each looks at a window of a log, or at what the page before it named. */
@Injectable()
export class ConversationStore {
  constructor(private readonly db: Database) {}

  /** What people and agents said. The literals are those of the index, which holds nothing else. */
  messages(sessionId: string, { from, to, isBackward, limit }: Range): Promise<ConversationRow[]> {
    return this.db.query<ConversationRow>(
      `select ${ROW} from session_events e where ${IN_RANGE} and e.type in ('message', 'input') order by e.seq ${order(isBackward)} limit ?`,
      [sessionId, from, to, limit],
    );
  }

  /** What is shown by itself. */
  shown(sessionId: string, { from, to, isBackward, limit }: Range): Promise<ConversationRow[]> {
    return this.db.query<ConversationRow>(
      `select ${ROW} from session_events e where ${IN_RANGE} and e.type in ${placeholders(1, SHOWN.length)} order by e.seq ${order(isBackward)} limit ?`,
      [sessionId, from, to, ...SHOWN, limit],
    );
  }

  /** Where tool calls begin: the first event of each that is kept. */
  toolBegins(sessionId: string, { from, to, isBackward, limit }: Range): Promise<{ seq: number; callKey: string }[]> {
    return this.db.query(
      `select t.seq, t.call_key as "callKey" from tool_events t where t.session_id = ? and t.seq >= ? and t.seq <= ?
       and t.seq = (select min(f.seq) from tool_events f where f.session_id = t.session_id and f.call_key = t.call_key)
       order by t.seq ${order(isBackward)} limit ?`,
      [sessionId, from, to, limit],
    );
  }

  /** All events of these tool calls, wherever they lie, a batch at a time, each in order. */
  async *toolEvents(sessionId: string, callKeys: readonly string[]): AsyncGenerator<ToolRow[]> {
    if (callKeys.length === 0) return;
    for (let after: number | undefined = 0; after !== undefined;) {
      const rows: ToolRow[] = await this.db.query<ToolRow>(
        `select ${ROW}, t.call_key as "callKey" from tool_events t
         join session_events e on e.session_id = t.session_id and e.seq = t.seq
         where t.session_id = ? and t.call_key in ${placeholders(1, callKeys.length)} and t.seq > ? and e.payload is not null
         order by t.seq limit ?`,
        [sessionId, ...callKeys, after, TOOL_EVENTS_A_QUERY],
      );
      yield rows;
      after = rows.length < TOOL_EVENTS_A_QUERY ? undefined : rows.at(-1)?.seq;
    }
  }

  async one(sessionId: string, seq: number): Promise<ConversationRow | undefined> {
    const [row] = await this.db.query<ConversationRow>(`select ${ROW} from session_events e where ${IN_RANGE}`, [sessionId, seq, seq]);
    return row;
  }
}
