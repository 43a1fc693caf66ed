import type { EventText, Head, OpenBlock } from '../../events/event-log.types.js';
import type { RealtimeLimits } from '../realtime-limits.js';
import { type EventsFrame, framesOf, type LogName, toWire } from './event-frames.js';
import type { Gate } from './gate.js';
import type { PageCache } from './page-cache.js';

/** The log of one session: where its readers find what they did not hear. */
export interface ReadableLog {
  /** Events with `after < seq`, in order; the payload is `null` where it is no longer kept. */
  read(after: number, limit: number): Promise<EventText[]>;
  /** @throws LogNotFoundError where the log is gone */
  head(): Promise<Head>;
  openBlocks(): readonly OpenBlock[];
}

/** A piece of a log as frames. */
export interface LogPage {
  readonly frames: readonly EventsFrame[];
  /** The number of its last event; that before the page where it is empty. */
  readonly last: number;
  /** Nothing can be added to it. */
  readonly isFull: boolean;
  /** Some of it is no longer kept: its payload is `null`, or the event is not there. */
  readonly hasHoles: boolean;
  readonly bytes: number;
}

/**
 * The log of a session in pages that begin at fixed numbers, so that readers who come back at the same time share them: each page
 * is read once, and its frames are built once. The next one is on its way while the last one is sent.
 */
export class LogPages {
  private readonly underWay = new Map<string, Promise<LogPage>>();
  /** Events a page; halved where they turn out to be large. */
  private size: number;

  constructor(
    private readonly name: LogName,
    private readonly log: ReadableLog,
    private readonly cache: PageCache<LogPage>,
    private readonly gate: Gate,
    private readonly limits: RealtimeLimits,
  ) {
    this.size = limits.pageEvents;
  }

  /** The page with the events behind `after`, read anew where it does not reach `known` and could. */
  async behind(after: number, known: number): Promise<LogPage> {
    const { size } = this;
    const start = after - (after % size);
    const page = await this.find(start, size, known);
    if (page.isFull && known > page.last) void this.find(page.last, size, known).catch(() => undefined);
    return page;
  }

  private async find(start: number, size: number, known: number): Promise<LogPage> {
    const key = `${this.name.sessionId} ${this.name.epoch} ${start} ${size}`;
    const isEnough = (page: LogPage | undefined): page is LogPage => page !== undefined && (page.isFull || page.last >= known);
    const cached = this.cache.get(key);
    if (isEnough(cached)) return cached;
    const coming = this.underWay.get(key);
    if (coming) {
      const page = await coming;
      if (isEnough(page)) return page;
      // What another reader has begun to read since then was committed after this one asked.
      const next = this.underWay.get(key);
      if (next) return next;
    }
    const reading = this.read(key, start, size).finally(() => this.underWay.delete(key));
    this.underWay.set(key, reading);
    return reading;
  }

  private async read(key: string, start: number, size: number): Promise<LogPage> {
    const rows = await this.gate.run(() => this.log.read(start, size));
    const events = toWire(rows);
    const last = events.at(-1)?.seq ?? start;
    const bytes = events.at(-1)?.end ?? 0;
    const isFull = last >= start + size;
    const hasHoles = last - start !== rows.length || rows.some(({ payload }) => payload === null);
    const page: LogPage = { frames: framesOf(this.name, start, events, this.limits), last, isFull, hasHoles, bytes };
    // Its bytes are held twice: as those of its events, and as those of its frames.
    this.cache.put(key, page, 2 * bytes);
    if (bytes > this.limits.pageBytes && size === this.size) this.size = Math.max(1, Math.floor(size / 2));
    return page;
  }
}
