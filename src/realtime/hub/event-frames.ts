import { formatCursor } from '../../events/cursor.js';
import type { StoredEvent } from '../../events/event-log.types.js';
import { wireHead } from '../../events/wire-event.js';
import { OutFrame } from '../out-frame.js';

/** An event with its text on the wire, made once. */
export interface WireEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly text: string;
  readonly bytes: number;
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

export function toWire(event: StoredEvent): WireEvent {
  const head = wireHead(event);
  const payload = event.payload ?? 'null';
  const bytes = Buffer.byteLength(head) + Buffer.byteLength(payload) + 1;
  return { seq: event.seq, id: event.id, type: event.type, text: `${head}${payload}}`, bytes };
}

/** Some events of one session that follow each other. Its parts are put together as text: payloads are never parsed on their way. */
export class EventsFrame extends OutFrame {
  constructor(
    { sessionId, epoch }: LogName,
    readonly prev: number,
    /** How far this frame brings a reader. */
    readonly last: number,
    readonly events: readonly WireEvent[],
  ) {
    const cursor = formatCursor(epoch, last);
    const head = `{"type":"events","sessionId":${JSON.stringify(sessionId)},"prev":${prev},"cursor":"${cursor}","events":[`;
    super('events', () => `${head}${events.map(({ text }) => text).join(',')}]}`, cursor);
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
      next && end - at < bounds.frameEvents && (end === at || bytes + next.bytes + 1 <= bounds.frameBytes);
      next = events[end]
    ) {
      bytes += next.bytes + 1;
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
