import type { AppendResult } from './event-log.types.js';
import type { PreparedEvent } from './event-preparation.js';
import { LogOverloadedError } from './events.errors.js';

/** What may wait for a flush; past it an append is refused, with nothing of it written. */
export interface FlushLimits {
  readonly waitingEvents: number;
  /** Characters of payload, and bytes of what was taken out of it. */
  readonly waitingLength: number;
  /** Events that one transaction takes at most, so that a waiting caller is not held up by a flood of others. */
  readonly groupEvents: number;
  readonly groupLength: number;
}

/** 64 MiB of ASCII, and a transaction of some ten milliseconds. */
export const FLUSH_LIMITS: FlushLimits = {
  waitingEvents: 50_000,
  waitingLength: 64 * 1024 * 1024,
  groupEvents: 2_000,
  groupLength: 8 * 1024 * 1024,
};

/** One call's events for one session. */
export interface Waiting {
  readonly sessionId: string;
  readonly events: readonly PreparedEvent[];
  readonly length: number;
  readonly resolve: (results: AppendResult[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes a group in one transaction; what it returns tells the callers, and is called after the commit. */
export type WriteGroup = (group: readonly Waiting[]) => Promise<readonly (() => void)[]>;

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Line {
  readonly waiting: Waiting[];
  events: number;
  length: number;
}

/**
 * Appends that wait while a transaction runs share the next one. Sessions take turns, call by call, so that a flood into one does not
 * hold up the others; what waits is bounded, and one session gets half of the room at most.
 */
export class GroupFlush {
  /** In the order of their turns: who was served goes to the end. */
  private readonly lines = new Map<string, Line>();
  private events = 0;
  private length = 0;
  private flushing: Promise<void> | undefined;

  constructor(
    private readonly write: WriteGroup,
    /** Whether an error hits everybody alike, so that trying again one by one is of no use. */
    private readonly isCommon: (error: unknown) => boolean,
    private readonly limits: FlushLimits = FLUSH_LIMITS,
  ) {}

  /** Resolves when the transaction with these is committed. @throws LogOverloadedError, or what the transaction failed with */
  add(sessionId: string, events: readonly PreparedEvent[]): Promise<AppendResult[]> {
    const length = events.reduce((sum, { payload, blobs }) => blobs.reduce((all, { size }) => all + size, sum + payload.length), 0);
    const line = this.lines.get(sessionId) ?? { waiting: [], events: 0, length: 0 };
    this.assertRoom(line, events.length, length);
    this.lines.set(sessionId, line);
    this.count(line, events.length, length);
    return new Promise((resolve, reject) => {
      line.waiting.push({ sessionId, events, length, resolve, reject });
      this.flushing ??= this.flushAll();
    });
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    while (this.flushing) await this.flushing;
  }

  private assertRoom(line: Line, events: number, length: number): void {
    const { waitingEvents, waitingLength } = this.limits;
    // An empty queue takes anything: a call by itself is bounded where it comes in.
    const isFull = this.events > 0 && (this.events + events > waitingEvents || this.length + length > waitingLength);
    const isHog = line.events > 0 && (line.events + events > waitingEvents / 2 || line.length + length > waitingLength / 2);
    if (!isFull && !isHog) return;
    throw new LogOverloadedError(`Too many events wait to be stored${isFull ? '' : ' in this session'}.`, {
      remedy: 'Send the same again in a moment.',
      retryAfterS: 1,
    });
  }

  private count(line: Line, events: number, length: number): void {
    line.events += events;
    line.length += length;
    this.events += events;
    this.length += length;
  }

  private async flushAll(): Promise<void> {
    // A turn of the event loop before each transaction: calls that arrive together share it, and on SQLite, where a transaction is made of
    // nothing but microtasks, everything else gets its turn too.
    for (await turnOfLoop(); this.lines.size > 0; await turnOfLoop()) await this.settle(this.takeGroup());
    this.flushing = undefined;
  }

  /** Where a group fails, its halves are tried, down to the one that can't be written. */
  private async settle(group: readonly Waiting[]): Promise<void> {
    try {
      const settled = await this.write(group);
      settled.forEach((tell) => tell());
    } catch (error) {
      if (group.length === 1 || this.isCommon(error)) return group.forEach(({ reject }) => reject(error));
      const middle = Math.ceil(group.length / 2);
      await this.settle(group.slice(0, middle));
      await this.settle(group.slice(middle));
    }
  }

  private takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    const room = { events: this.limits.groupEvents, length: this.limits.groupLength };
    let isServed = true;
    while (isServed) {
      isServed = false;
      for (const [sessionId, line] of [...this.lines]) {
        const [first] = line.waiting;
        if (!first || (group.length > 0 && (first.events.length > room.events || first.length > room.length))) continue;
        line.waiting.shift();
        group.push(first);
        room.events -= first.events.length;
        room.length -= first.length;
        this.count(line, -first.events.length, -first.length);
        this.lines.delete(sessionId);
        if (line.waiting.length > 0) this.lines.set(sessionId, line);
        isServed = true;
      }
    }
    return group;
  }
}
