import { formatCursor } from '../../events/cursor.js';
import type { EventText } from '../../events/event-log.types.js';
import { OutFrame } from '../out-frame.js';

/**
 * An event with its text on the wire, which is `source` from `start` to `end`. Bytes and not strings, because those of a page outlive
 * many others, and long strings that do cost the garbage collector more than everything else of a replay.
 */
export interface WireEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
}

export interface LogName {
  readonly sessionId: string;
  readonly epoch: string;
}

interface FrameBounds {
  readonly frameEvents: number;
  readonly frameBytes: number;
}

/** What stands around the events of a frame, generously. */
const ENVELOPE_BYTES = 256;
const COMMA = 0x2c;
const CLOSING_BRACE = 0x7d;

export const bytesOf = ({ start, end }: WireEvent): number => end - start;

/** Puts events that follow each other into one piece of memory, as they stand in a frame: a comma between them. */
export function toWire(texts: readonly EventText[]): WireEvent[] {
  let size = 0;
  for (const { head, payload } of texts) size += Buffer.byteLength(head) + (payload === null ? 4 : Buffer.byteLength(payload)) + 2;
  const source = Buffer.allocUnsafe(size);
  let at = 0;
  return texts.map(({ seq, id, type, head, payload }) => {
    const start = at;
    at += source.write(head, at);
    at += source.write(payload ?? 'null', at);
    source[at++] = CLOSING_BRACE;
    const end = at;
    source[at++] = COMMA;
    return { seq, id, type, source, start, end };
  });
}

/** Some events of one session that follow each other. Their payloads are never parsed on their way. */
export class EventsFrame extends OutFrame {
  /** Ids of the events in it that may be the whole of a streaming text. */
  readonly textIds: readonly string[];
  private readonly head: string;
  protected readonly size: number;

  constructor(
    { sessionId, epoch }: LogName,
    readonly prev: number,
    /** How far this frame brings a reader. */
    readonly last: number,
    readonly events: readonly WireEvent[],
  ) {
    const cursor = formatCursor(epoch, last);
    super('events', cursor);
    this.textIds = events.filter(({ type }) => type === 'message' || type === 'thought').map(({ id }) => id);
    this.head = `{"type":"events","sessionId":${JSON.stringify(sessionId)},"prev":${prev},"cursor":"${cursor}","events":[`;
    this.size = Buffer.byteLength(this.head) + events.reduce((sum, event) => sum + bytesOf(event) + 1, 0) + 1;
  }

  get text(): string {
    const bytes = Buffer.allocUnsafe(this.size);
    this.writeTo(bytes, 0);
    return bytes.toString();
  }

  protected writeTo(target: Buffer, at: number): void {
    let to = at + target.write(this.head, at);
    for (let first = 0; first < this.events.length;) {
      const run = this.runFrom(first);
      to += run.source.copy(target, to, run.start, run.end);
      target[to++] = COMMA;
      first = run.next;
    }
    // In place of the last comma.
    target.write(']}', to - 1);
  }

  /** Events that lie one behind the other in memory, from the one at `first` on. */
  private runFrom(first: number): { source: Buffer; start: number; end: number; next: number } {
    const { events } = this;
    const begin = events[first];
    if (!begin) throw new RangeError('There is no such event in this frame.');
    let { end } = begin;
    let next = first + 1;
    for (let each = events[next]; each?.source === begin.source && each.start === end + 1; each = events[++next]) ({ end } = each);
    return { source: begin.source, start: begin.start, end, next };
  }
}

/** Frames of at most `frameEvents` events or `frameBytes` bytes, at least one event each. */
export function framesOf(log: LogName, prev: number, events: readonly WireEvent[], bounds: FrameBounds): EventsFrame[] {
  const frames: EventsFrame[] = [];
  let from = prev;
  for (let at = 0; at < events.length;) {
    let bytes = ENVELOPE_BYTES;
    let end = at;
    for (
      let next = events[end];
      next && end - at < bounds.frameEvents && (end === at || bytes + bytesOf(next) + 1 <= bounds.frameBytes);
      next = events[end]
    ) {
      bytes += bytesOf(next) + 1;
      end += 1;
    }
    const part = events.slice(at, end);
    const last = part.at(-1)?.seq ?? from;
    frames.push(new EventsFrame(log, from, last, part));
    from = last;
    at = end;
  }
  return frames;
}
