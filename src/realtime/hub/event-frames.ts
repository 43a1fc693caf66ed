import { formatCursor } from '../../events/cursor.js';
import type { StoredEvent } from '../../events/event-log.types.js';
import { wireEvent } from '../../events/wire-event.js';
import type { OutFrame } from '../frames.types.js';

/** An event with its text on the wire, made once. */
export interface WireEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly text: string;
  readonly bytes: number;
}

/** Some events of one session that follow each other; `last` is how far this frame brings a reader. */
export interface EventsFrame extends OutFrame {
  readonly prev: number;
  readonly last: number;
  readonly events: readonly WireEvent[];
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
  const text = wireEvent(event);
  return { seq: event.seq, id: event.id, type: event.type, text, bytes: Buffer.byteLength(text) };
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
    frames.push(eventsFrame(log, from, last, part));
    from = last;
    at = end;
  }
  return frames;
}

/** One frame. Its parts are put together as text: payloads are never parsed on their way. */
export function eventsFrame({ sessionId, epoch }: LogName, prev: number, last: number, events: readonly WireEvent[]): EventsFrame {
  const cursor = formatCursor(epoch, last);
  const head = `{"type":"events","sessionId":${JSON.stringify(sessionId)},"prev":${prev},"cursor":"${cursor}","events":[`;
  return { type: 'events', text: `${head}${events.map(({ text }) => text).join(',')}]}`, cursor, prev, last, events };
}
