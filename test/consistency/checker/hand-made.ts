import { contentDigest } from '../history/digest.js';
import {
  type Draft,
  type ItemOutcome,
  MALFORMED,
  type Operation,
  type ReadFrame,
  type ReadVia,
  type SeenEvent,
  type SentItem,
  type WriteVia,
} from '../history/operation.types.js';

const SESSION = 's';
const EPOCH = '0a0b0c0d';
export const content = (id: string): string => contentDigest('log', { text: id });

/** Writes histories by hand: `append('a', 1)` is one that was acknowledged, `read('r', 0, ['a'])` one that was given `a` as 1. */
export class HandMade {
  readonly history: Operation[] = [];
  private ops = 0;

  append(id: string, seq: number, { duplicate = false, as = content(id), process = 'w' } = {}): this {
    return this.attempt([id], [{ id, content: as, outcome: 'ok', seq, duplicate }], process, as);
  }

  batch(...items: readonly [id: string, seq: number][]): this {
    const outcomes = items.map(([id, seq]) => ({ id, content: content(id), outcome: 'ok', seq, duplicate: false }) as const);
    return this.attempt(
      items.map(([id]) => id),
      outcomes,
    );
  }

  refused(id: string, code = 'session_ended'): this {
    return this.attempt([id], [{ id, content: content(id), outcome: 'fail', code }]);
  }

  unknown(id: string): this {
    return this.attempt([id], [{ id, content: content(id), outcome: 'info', code: 'time-out' }]);
  }

  /** Begins an append whose answer comes with {@link answered}. */
  begin(id: string): number {
    const op = ++this.ops;
    const items: SentItem[] = [{ id, content: content(id) }];
    this.add({ f: 'append', phase: 'invoke', process: `w-${id}`, op, via: 'http', session: SESSION, items });
    return op;
  }

  answered(op: number, id: string, seq: number): this {
    const items: ItemOutcome[] = [{ id, content: content(id), outcome: 'ok', seq, duplicate: false }];
    return this.add({ f: 'append', phase: 'ok', process: `w-${id}`, op, via: 'http', session: SESSION, items });
  }

  /** One page behind `after`; numbers count on from it where only ids are given. */
  read(
    process: string,
    after: number,
    events: readonly (string | SeenEvent)[],
    { until, isWhole = true }: { until?: number; isWhole?: boolean } = {},
  ): this {
    const op = this.open(process, after, 'page');
    const seen = numbered(events, after);
    return this.frame(process, op, { frame: 'page', until: until ?? seen.at(-1)?.seq ?? after, isWhole, events: seen });
  }

  open(process: string, after: number, via: ReadVia = 'sse'): number {
    const op = ++this.ops;
    this.add({ f: 'read', phase: 'invoke', process, op, via, session: SESSION, after });
    return op;
  }

  /** Events of a stream, that say they follow `prev`. */
  events(process: string, op: number, prev: number, events: readonly (string | SeenEvent)[]): this {
    const seen = numbered(events, prev);
    return this.frame(process, op, { frame: 'events', prev, until: seen.at(-1)?.seq ?? prev, events: seen });
  }

  frame(process: string, op: number, rest: Partial<ReadFrame> & Pick<ReadFrame, 'frame' | 'until'>): this {
    return this.add({ f: 'read', phase: 'ok', process, op, via: 'sse', session: SESSION, epoch: EPOCH, ...rest });
  }

  final(events: readonly (string | SeenEvent)[], { status = 'running', until }: { status?: string; until?: number } = {}): this {
    const seen = numbered(events, 0);
    const op = ++this.ops;
    return this.add({
      f: 'final',
      phase: 'ok',
      process: 'final',
      op,
      session: SESSION,
      epoch: EPOCH,
      status,
      began: this.history.length,
      until: until ?? seen.at(-1)?.seq ?? 0,
      events: seen,
    });
  }

  malformed(process: string, op: number): this {
    return this.add({ f: 'read', phase: 'info', process, op, via: 'sse', session: SESSION, code: MALFORMED });
  }

  stalled(what: string): this {
    return this.add({ f: 'stalled', phase: 'info', process: 'r', op: ++this.ops, session: SESSION, what });
  }

  private attempt(ids: readonly string[], items: readonly ItemOutcome[], process = 'w', as?: string): this {
    const op = ++this.ops;
    const via: WriteVia = ids.length > 1 ? 'batch' : 'http';
    this.add({
      f: 'append',
      phase: 'invoke',
      process,
      op,
      via,
      session: SESSION,
      items: ids.map((id) => ({ id, content: as ?? content(id) })),
    });
    return this.add({ f: 'append', phase: items[0]?.outcome ?? 'info', process, op, via, session: SESSION, items });
  }

  private add(draft: Draft): this {
    this.history.push({ index: this.history.length, at: this.history.length, ...draft });
    return this;
  }
}

/** An event as it is read: `seen('a', 3)`. */
export const seen = (id: string, seq: number, over: Partial<SeenEvent> = {}): SeenEvent => ({
  seq,
  id,
  type: 'log',
  bytes: `bytes of ${id}`,
  content: content(id),
  ...over,
});

export const statusEvent = (id: string, seq: number, to: string): SeenEvent => seen(id, seq, { type: 'status', to });

const numbered = (events: readonly (string | SeenEvent)[], after: number): SeenEvent[] =>
  events.map((event, at) => (typeof event === 'string' ? seen(event, after + at + 1) : event));
