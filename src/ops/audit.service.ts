import { Injectable } from '@nestjs/common';
import { setImmediate as otherWork } from 'node:timers/promises';
import { Outbox, type OutboxFilter } from '../core/database/outbox.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { BEGINNING, type Cursor, formatCursor, parseCursor } from '../events/cursor.js';
import { Feed } from '../events/feed.service.js';
import { type AuditEntry, auditEntryOf } from './audit-entry.js';
import type { AuditFilter, ReadAuditQuery } from './dto/audit.dto.js';

/** Positions looked at in one query: about a millisecond on SQLite, where nobody else is served meanwhile. */
const WINDOW = 1_000;
/** Positions looked at for one page; what lies behind them is the next page's. */
const MAX_SCANNED = 100_000;

export interface AuditPage {
  readonly items: AuditEntry[];
  readonly cursor: string;
  readonly nextCursor: string | null;
}

/** What was done here, by whom: the domain events, as they were committed. They are all there is: nothing writes them elsewhere. */
@Injectable()
export class Audit {
  constructor(
    private readonly outbox: Outbox,
    private readonly feed: Feed,
  ) {}

  /** Entries that are wanted, oldest first; `cursor` tells how far was looked. @throws ResyncRequiredError, InvalidInputError */
  async read({ limit, after, ...filter }: ReadAuditQuery): Promise<AuditPage> {
    const { epoch, position: end, start } = await this.range(after);
    const wanted = outboxFilterOf(filter);
    const items: AuditEntry[] = [];
    let scanned = start;
    while (scanned < end && items.length < limit && scanned - start < MAX_SCANNED) {
      const upTo = Math.min(scanned + WINDOW, end);
      const found = await this.outbox.search(wanted, { after: scanned, upTo, limit: limit - items.length });
      items.push(...found.map(auditEntryOf));
      scanned = items.length < limit ? upTo : (found.at(-1)?.position ?? upTo);
      await otherWork();
    }
    const cursor = formatCursor(epoch, scanned);
    return { items, cursor, nextCursor: scanned < end ? cursor : null };
  }

  /** All entries that are wanted up to now, a window at a time. @throws ResyncRequiredError, InvalidInputError when it is called */
  async export({ after, ...filter }: AuditFilter): Promise<AsyncIterable<readonly AuditEntry[]>> {
    const { position: end, start } = await this.range(after);
    return this.windows(outboxFilterOf(filter), start, end);
  }

  private async *windows(filter: OutboxFilter, start: number, end: number): AsyncGenerator<readonly AuditEntry[]> {
    for (let scanned = start; scanned < end; scanned += WINDOW) {
      const events = await this.outbox.search(filter, { after: scanned, upTo: Math.min(scanned + WINDOW, end), limit: WINDOW });
      if (events.length > 0) yield events.map(auditEntryOf);
      await otherWork();
    }
  }

  private async range(after: string | undefined): Promise<{ epoch: string; position: number; start: number }> {
    const head = await this.outbox.head();
    const cursor: Cursor = after === undefined ? BEGINNING : parseCursor(after);
    this.feed.assertReadable(head, cursor);
    return { ...head, start: cursor.seq };
  }
}

const outboxFilterOf = ({ from, to, ...rest }: Omit<AuditFilter, 'after'>): OutboxFilter => ({
  ...rest,
  ...(from === undefined ? {} : { from: timeOf('from', from) }),
  ...(to === undefined ? {} : { to: timeOf('to', to) }),
});

/** In the form in which times are stored. @throws InvalidInputError */
function timeOf(path: string, text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()) || time.getUTCFullYear() > 9_999 || time.getUTCFullYear() < 0)
    throw new InvalidInputError(`${path}: is not a time.`, { issues: [{ path, message: 'ISO 8601, as in 2026-11-20T14:00:00Z' }] });
  return time.toISOString();
}
