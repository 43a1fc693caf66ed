import { Injectable } from '@nestjs/common';
import { AccessWatch } from '../auth/access-watch.service.js';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { Shutdown } from '../core/shutdown.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import { BEGINNING, type Cursor, formatCursor, parseCursor } from './cursor.js';
import type { ReadEventsQuery } from './dto/events.dto.js';
import { EventLog } from './event-log.service.js';
import type { StoredEvent } from './event-log.types.js';
import { waitUntil } from './wait-until.js';

export interface EventPage {
  readonly events: readonly StoredEvent[];
  readonly cursor: string;
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

/** Pages of the log, for those who may see the session. */
@Injectable()
export class EventReads {
  constructor(
    private readonly log: EventLog,
    private readonly scope: SessionScope,
    private readonly shutdown: Shutdown,
    private readonly watch: AccessWatch,
  ) {}

  /**
   * One page; with `wait`, the first page that is not empty, or an empty one after that many seconds, or when `gone` aborts.
   * @throws SessionNotFoundError, also where it goes out of sight while waiting; ResyncRequiredError where reading on would leave a hole
   */
  async read(principal: Principal, id: string, query: ReadEventsQuery, gone: AbortSignal): Promise<EventPage> {
    const { id: sessionId } = await this.scope.find(principal, id);
    const after = query.after === undefined ? undefined : parseCursor(query.after);
    const before = query.before === undefined ? undefined : parseCursor(query.before, 'before');
    if (query.wait > 0 && before)
      throw new InvalidInputError('wait: nothing new comes before a cursor.', {
        issues: [{ path: 'wait', message: 'not together with before' }],
      });
    if (before) return this.readBefore(sessionId, after, before, query);
    let from = after ?? BEGINNING;
    let page = await this.readAfter(sessionId, from, query);
    if (page.events.length > 0 || query.wait === 0) return page;
    await this.watch.during(principal, async (live, onChange) => {
      let { revision } = live;
      const readOn = async (who: Principal) => {
        if (live.revision !== revision) await this.scope.find(who, sessionId);
        ({ revision } = live);
        from = parseCursor(page.cursor);
        return this.readAfter(sessionId, from, query);
      };
      await waitUntil(
        (wake) => {
          onChange(wake);
          return this.log.onCommitted((committed) => committed.sessionId === sessionId && wake());
        },
        () => live.lookUp(readOn, (next) => (page = next).events.length > 0),
        query.wait * 1_000,
        AbortSignal.any([gone, this.shutdown.signal]),
      );
    });
    return page;
  }

  private async readAfter(sessionId: string, after: Cursor, { limit, type }: ReadEventsQuery): Promise<EventPage> {
    const head = await this.log.head(sessionId);
    this.log.assertReadable(head, after);
    const from = this.log.startOf(head, after);
    const events = await this.log.read(sessionId, { after: from, limit: limit + 1, types: type });
    const page = events.slice(0, limit);
    const hasMore = events.length > limit;
    const scanned = hasMore ? (page.at(-1)?.seq ?? from) : Math.max(head.lastSeq, page.at(-1)?.seq ?? 0);
    const cursor = formatCursor(head.epoch, scanned);
    const first = page[0]?.seq;
    return {
      events: page,
      cursor,
      nextCursor: hasMore ? cursor : null,
      previousCursor: first !== undefined && first > head.earliestSeq ? formatCursor(head.epoch, first) : null,
    };
  }

  private async readBefore(
    sessionId: string,
    after: Cursor | undefined,
    before: Cursor,
    { limit, type }: ReadEventsQuery,
  ): Promise<EventPage> {
    const head = await this.log.head(sessionId);
    this.log.assertReadable(head, { ...before, seq: Math.min(before.seq, head.lastSeq) });
    if (after) this.log.assertReadable(head, after);
    const range = { before: before.seq, types: type, limit: limit + 1 };
    const found = await this.log.read(sessionId, after ? { ...range, after: this.log.startOf(head, after) } : range);
    const page = after ? found.slice(0, limit) : found.slice(-limit);
    const hasMore = found.length > limit;
    const last = page.at(-1)?.seq ?? Math.max(head.earliestSeq - 1, before.seq - 1);
    const cursor = formatCursor(head.epoch, Math.min(last, head.lastSeq));
    const first = page[0]?.seq;
    return {
      events: page,
      cursor,
      nextCursor: (after ? hasMore : last < head.lastSeq) ? cursor : null,
      previousCursor: first !== undefined && (after ? first > head.earliestSeq : hasMore) ? formatCursor(head.epoch, first) : null,
    };
  }
}
