import { Injectable } from '@nestjs/common';
import { Clock } from '../clock.js';
import { requestContext } from '../http/request-context.js';
import type { DomainEvent, DomainEventName } from '../event-bus/domain-event.types.js';
import { Database } from './database.js';
import { placeholders } from './dialect.js';
import type { Work } from './work.js';

interface OutboxRow {
  position: number | string;
  name: DomainEventName;
  workspace_id: string | null;
  session_id: string | null;
  owner_id: string | null;
  actor: string;
  occurred_at: string;
  payload: string;
  request_id: string | null;
}

const COLUMNS = 'position, name, workspace_id, session_id, owner_id, actor, occurred_at, payload, request_id';
/** Rows an insert: 9 columns each, far below the parameter limits of both databases. */
const ROWS_PER_INSERT = 500;

/** Which of the stored events are wanted; what is absent does not matter. */
export interface OutboxFilter {
  readonly actor?: string;
  readonly name?: string;
  readonly sessionId?: string;
  readonly workspaceId?: string;
  /** Not before this time, ISO 8601 in UTC with milliseconds. */
  readonly from?: string;
  /** Before this time. */
  readonly to?: string;
}

const CONDITIONS = {
  actor: 'actor = ?',
  name: 'name = ?',
  sessionId: 'session_id = ?',
  workspaceId: 'workspace_id = ?',
  from: 'occurred_at >= ?',
  to: 'occurred_at < ?',
} as const;

/** The stored domain events, numbered without gaps in the order of their commits. */
@Injectable()
export class Outbox {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Writes what `work` has pending. Must be the last thing before the commit: from here on other units wait for the counter. */
  async store(work: Work): Promise<DomainEvent[]> {
    if (work.pending.length === 0) return [];
    const count = work.pending.length;
    await work.query('update outbox_counter set position = position + ? where id = 1', [count]);
    const [counter] = await work.query<{ position: number | string }>('select position from outbox_counter where id = 1');
    if (!counter) throw new Error('The table outbox_counter has lost its row.');
    const first = Number(counter.position) - count + 1;
    const occurredAt = this.clock.nowIso();
    const requestId = requestContext.getStore()?.requestId ?? null;
    const events = work.pending.map(({ name, subject, data }, index): DomainEvent => ({
      position: first + index,
      name,
      workspaceId: subject.workspaceId ?? null,
      sessionId: subject.sessionId ?? null,
      ownerId: subject.ownerId ?? null,
      actor: subject.actor,
      occurredAt,
      data,
      requestId,
    }));
    for (let at = 0; at < events.length; at += ROWS_PER_INSERT) {
      const part = events.slice(at, at + ROWS_PER_INSERT);
      await work.query(
        `insert into outbox (${COLUMNS}) values ${placeholders(part.length, 9)}`,
        part.flatMap((e) => [
          e.position,
          e.name,
          e.workspaceId,
          e.sessionId,
          e.ownerId,
          e.actor,
          e.occurredAt,
          JSON.stringify(e.data),
          requestId,
        ]),
      );
    }
    return events;
  }

  /** Events behind `after`, oldest first, at most `limit`. */
  async read(after: number, limit: number): Promise<DomainEvent[]> {
    const rows = await this.db.query<OutboxRow>(`select ${COLUMNS} from outbox where position > ? order by position limit ?`, [
      after,
      limit,
    ]);
    return rows.map(eventOf);
  }

  /** The first `limit` of the positions `after` + 1 to `upTo` that are wanted. May look at all of them: keep the range small. */
  async search(filter: OutboxFilter, { after, upTo, limit }: { after: number; upTo: number; limit: number }): Promise<DomainEvent[]> {
    const conditions = ['position > ?', 'position <= ?'];
    const parameters: (string | number)[] = [after, upTo];
    for (const key of ['actor', 'name', 'sessionId', 'workspaceId', 'from', 'to'] as const) {
      const value = filter[key];
      if (value === undefined) continue;
      conditions.push(CONDITIONS[key]);
      parameters.push(value);
    }
    const sql = `select ${COLUMNS} from outbox where ${conditions.join(' and ')} order by position limit ?`;
    return (await this.db.query<OutboxRow>(sql, [...parameters, limit])).map(eventOf);
  }

  /** Where the feed stands: its epoch and the position of the last event. */
  async head(): Promise<{ epoch: string; position: number }> {
    const [row] = await this.db.query<{ epoch: string; position: number | string }>(
      'select epoch, position from outbox_counter where id = 1',
    );
    if (!row) throw new Error('The table outbox_counter has lost its row.');
    return { epoch: row.epoch, position: Number(row.position) };
  }
}

function eventOf(row: OutboxRow): DomainEvent {
  return {
    position: Number(row.position),
    name: row.name,
    workspaceId: row.workspace_id,
    sessionId: row.session_id,
    ownerId: row.owner_id,
    actor: row.actor,
    occurredAt: row.occurred_at,
    requestId: row.request_id,
    // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- `store` wrote it as the payload of this name
    data: JSON.parse(row.payload),
  };
}
