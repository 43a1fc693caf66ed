import { Injectable } from '@nestjs/common';
import { Access } from '../auth/access.service.js';
import { AccessWatch } from '../auth/access-watch.service.js';
import { canSee, type Principal } from '../auth/principal.types.js';
import { Outbox } from '../core/database/outbox.js';
import type { DomainEvent } from '../core/event-bus/domain-event.types.js';
import { EventBus } from '../core/event-bus/event-bus.js';
import { Shutdown } from '../core/shutdown.js';
import { BEGINNING, type Cursor, formatCursor, parseCursor } from './cursor.js';
import type { ReadFeedQuery } from './dto/events.dto.js';
import { ResyncRequiredError } from './events.errors.js';
import { waitUntil } from './wait-until.js';

export interface FeedPage {
  readonly items: DomainEvent[];
  readonly cursor: string;
  readonly nextCursor: string | null;
}

/** What happened, across sessions: the domain events one may see, in the order of their commits. */
@Injectable()
export class Feed {
  constructor(
    private readonly outbox: Outbox,
    private readonly bus: EventBus,
    private readonly access: Access,
    private readonly shutdown: Shutdown,
    private readonly watch: AccessWatch,
  ) {}

  /** One page; with `wait`, the first that is not empty, or an empty one after that many seconds. @throws ResyncRequiredError */
  async read(principal: Principal, query: ReadFeedQuery, gone: AbortSignal): Promise<FeedPage> {
    let page = await this.readAfter(principal, query.after === undefined ? BEGINNING : parseCursor(query.after), query);
    if (page.items.length > 0 || query.wait === 0) return page;
    await this.watch.during(principal, (live, onChange) =>
      waitUntil(
        (wake) => {
          onChange(wake);
          return this.bus.subscribe(wake);
        },
        () =>
          live.lookUp(
            (who) => this.readAfter(who, parseCursor(page.cursor), query),
            (next) => (page = next).items.length > 0,
          ),
        query.wait * 1_000,
        AbortSignal.any([gone, this.shutdown.signal]),
      ),
    );
    return page;
  }

  /** @throws ResyncRequiredError where reading on from `cursor` would leave a hole */
  assertReadable(head: { epoch: string; position: number }, cursor: Cursor): void {
    const isForeign = cursor.epoch !== null && cursor.epoch !== head.epoch;
    if (!isForeign && cursor.seq <= head.position) return;
    const reason = isForeign ? 'the feed was numbered anew' : 'the cursor is beyond the end';
    const earliest = formatCursor(head.epoch, 0);
    throw new ResyncRequiredError(`This cursor can't be read on from: ${reason}.`, {
      remedy: `Start again from ${earliest}.`,
      context: { reason, earliest },
    });
  }

  private async readAfter(principal: Principal, after: Cursor, { limit, workspaceId }: ReadFeedQuery): Promise<FeedPage> {
    const head = await this.outbox.head();
    this.assertReadable(head, after);
    const visibility = this.access.visibilityOf(principal);
    const items: DomainEvent[] = [];
    let scanned = after.seq;
    for (;;) {
      const events = await this.outbox.read(scanned, limit);
      for (const event of events) {
        if (items.length === limit) break;
        scanned = event.position;
        if (canSee(visibility, event) && (workspaceId === undefined || event.workspaceId === workspaceId)) items.push(event);
      }
      if (events.length < limit || items.length === limit) break;
    }
    const cursor = formatCursor(head.epoch, scanned);
    return { items, cursor, nextCursor: scanned < head.position ? cursor : null };
  }
}
