import { formatCursor } from '../../events/cursor.js';
import { eventText } from '../../events/wire-event.js';
import type { CommittedEvents, Delta } from '../../events/event-log.types.js';
import { PAYLOADS } from '../../events/event-payloads.types.js';
import type { SessionStatus } from '../../sessions/session.types.js';
import { TextFrame } from '../out-frame.js';
import type { RealtimeLimits } from '../realtime-limits.js';
import { bytesOf, type EventsFrame, framesOf, type LogName, toWire, type WireEvent } from './event-frames.js';
import type { LogPages, ReadableLog } from './log-pages.js';
import { Tail } from './tail.js';

export type EndStatus = SessionStatus | 'deleted';

/** A delta as a frame, with what a reader needs to see whether it follows. */
export class DeltaFrame extends TextFrame {
  constructor(readonly delta: Delta) {
    const { sessionId, turn, blockId, kind, offset, text } = delta;
    super('delta', JSON.stringify({ type: 'delta', sessionId, turn, blockId, kind, offset, text }));
  }
}

/** Who reads a session: live, it gets every frame in order and decides itself whether it follows what it has. */
export interface TopicReader {
  takeEvents(frame: EventsFrame): void;
  takeDelta(frame: DeltaFrame): void;
  /** The log was heard to end here; nothing comes behind it. */
  takeEnd(): void;
  /** The log is numbered anew: nothing that was sent counts any more. */
  takeNewEpoch(earliest: string): void;
  /** The log goes to `lastSeq` at least, and not all of it was heard. */
  catchUpTo(lastSeq: number): void;
}

/** UTF-16 units of text that are gathered into one frame. */
const MAX_DELTA = 16 * 1024;

type Pending = { readonly event: WireEvent } | { readonly delta: Delta };

/**
 * One session as this node hears it, for as long as somebody watches: gathers bursts, builds each frame once and gives it to all
 * live readers. What it hears is a hint; a reader that finds a gap reads the log.
 */
export class SessionTopic {
  /** Who is live. */
  readonly readers = new Set<TopicReader>();
  /** Who reads it, live or behind. */
  readonly all = new Set<TopicReader>();
  end: { readonly seq: number; readonly status: EndStatus } | undefined;
  /** The last number that is known to be in the log, heard of or found there. */
  known = 0;
  /** How many hold on to this topic, readers and those about to read. */
  private users = 0;
  private readonly tail: Tail<WireEvent>;
  private pending: Pending[] = [];
  private flushedAt = Number.NEGATIVE_INFINITY;
  private cancelFlush: (() => void) | undefined;
  private scheduled: 'now' | 'later' | undefined;

  constructor(
    readonly log: LogName,
    readonly source: ReadableLog,
    readonly pages: LogPages,
    readonly limits: RealtimeLimits,
    private readonly onUnused: () => void,
  ) {
    this.tail = new Tail(limits.tailEvents, limits.tailBytes);
  }

  acquire(): void {
    this.users += 1;
  }
  release(): void {
    this.users -= 1;
    if (this.users > 0) return;
    this.cancelFlush?.();
    this.onUnused();
  }

  /** Somebody looked: the log goes to here at least. */
  note(lastSeq: number): void {
    this.known = Math.max(this.known, lastSeq);
  }

  /** The events heard behind `seq`, or undefined where the log has to be read for them. */
  heardAfter(seq: number): WireEvent[] | undefined {
    return this.tail.end === undefined || seq >= this.tail.end ? [] : this.tail.after(seq);
  }

  hear({ epoch, prev, events, ended }: CommittedEvents): void {
    if (epoch !== this.log.epoch) return this.renumber(formatCursor(epoch, 0));
    const heard = this.tail.end;
    // Behind a gap, or out of order: what is missing is in the log, and readers will see that it does not follow.
    if (heard !== undefined && prev > heard) {
      this.flush();
      this.tail.reset(prev);
    }
    const unheard = heard === undefined ? events : events.filter(({ seq }) => seq > heard);
    for (const event of toWire(unheard.map(eventText))) {
      this.tail.push(event.seq, event, bytesOf(event));
      this.pending.push({ event });
    }
    const last = prev + events.length;
    this.note(last);
    if (!ended) this.end = undefined;
    else if (!this.end) {
      const status = events.findLast(({ type }) => type === 'status')?.payload;
      const to = status ? PAYLOADS.status.shape.to.safeParse(fieldOf(JSON.parse(status), 'to')).data : undefined;
      if (to) this.end = { seq: last, status: to };
    }
    this.schedule();
  }

  hearDelta(delta: Delta): void {
    const last = this.pending.at(-1);
    if (last && 'delta' in last && continues(last.delta, delta))
      this.pending[this.pending.length - 1] = { delta: { ...last.delta, text: last.delta.text + delta.text } };
    else this.pending.push({ delta });
    this.schedule();
  }

  /** Told from elsewhere (the row, the feed) that the log ends at `seq`. */
  markEnded(seq: number, status: EndStatus): void {
    if (status !== 'deleted' && this.end) return;
    this.end = { seq, status };
    this.note(seq);
    this.flush();
    // Of a deleted log there is nothing more to read for those that are behind.
    if (status === 'deleted') this.all.forEach((reader) => reader.takeEnd());
  }

  /** The log is numbered anew, and begins at `earliest` now. */
  renumber(earliest: string): void {
    this.all.forEach((reader) => reader.takeNewEpoch(earliest));
  }

  /** Gives everything heard so far to the live readers, now. */
  flush(): void {
    this.cancelFlush?.();
    this.cancelFlush = undefined;
    this.scheduled = undefined;
    this.flushedAt = performance.now();
    const pending = this.pending;
    this.pending = [];
    for (let at = 0; at < pending.length;) {
      const run: WireEvent[] = [];
      for (let next = pending[at]; next && 'event' in next && follows(run, next.event); next = pending[++at]) run.push(next.event);
      if (run[0]) this.sendEvents(framesOf(this.log, run[0].seq - 1, run, this.limits));
      const next = pending[at];
      if (next && 'delta' in next) {
        this.sendDelta(next.delta);
        at += 1;
      }
    }
    if (this.end) this.readers.forEach((reader) => reader.takeEnd());
  }

  private sendEvents(frames: readonly EventsFrame[]): void {
    for (const frame of frames) this.readers.forEach((reader) => reader.takeEvents(frame));
  }

  private sendDelta(delta: Delta): void {
    const frame = new DeltaFrame(delta);
    this.readers.forEach((reader) => reader.takeDelta(frame));
  }

  /**
   * The first of a burst goes with the end of this turn of the event loop, and so does what fills a frame; the rest within
   * `coalesceMs`. Never in this turn: whoever appended is answered first.
   */
  private schedule(): void {
    if (this.users === 0) return;
    const left = this.pending.length >= this.limits.frameEvents ? 0 : this.limits.coalesceMs - (performance.now() - this.flushedAt);
    if (this.scheduled === 'now' || (this.scheduled === 'later' && left > 0)) return;
    this.cancelFlush?.();
    if (left <= 0) {
      const immediate = setImmediate(() => this.flush());
      this.cancelFlush = () => clearImmediate(immediate);
      this.scheduled = 'now';
    } else {
      const timer = setTimeout(() => this.flush(), left);
      this.cancelFlush = () => clearTimeout(timer);
      this.scheduled = 'later';
    }
  }
}

/** One frame can hold both: they are of a block, one behind the other, and not too long. */
const continues = (first: Delta, next: Delta): boolean =>
  first.blockId === next.blockId && first.offset + first.text.length === next.offset && first.text.length + next.text.length <= MAX_DELTA;

const follows = (run: readonly WireEvent[], event: WireEvent): boolean => run.length === 0 || run.at(-1)?.seq === event.seq - 1;

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined;
