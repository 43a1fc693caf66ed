import type { StoredEvent } from '../../events/event-log.types.js';
import { EPOCH, SESSION, stored } from '../testing/fake-log.js';
import { eventText } from '../../events/wire-event.js';
import { EventsFrame, framesOf, toWire as pack, type WireEvent } from './event-frames.js';

const LOG = { sessionId: SESSION, epoch: EPOCH };
const toWire = (event: StoredEvent): WireEvent => pack([eventText(event)])[0]!;
const BOUNDS = { frameEvents: 64, frameBytes: 64 * 1024 };
const payload = (length: number) => JSON.stringify({ level: 'info', text: 'x'.repeat(length) });
const wires = (count: number, length = 10) =>
  pack(Array.from({ length: count }, (_, index) => eventText(stored(index + 1, { payload: payload(length) }))));

describe('framesOf', () => {
  it('puts at most 64 events into a frame, each following the one before', () => {
    const frames = framesOf(LOG, 0, wires(150), BOUNDS);
    expect(frames.map(({ prev, last, events }) => [prev, last, events.length])).toEqual([
      [0, 64, 64],
      [64, 128, 64],
      [128, 150, 22],
    ]);
    const [first] = frames;
    expect(JSON.parse(first?.text ?? '')).toMatchObject({ type: 'events', sessionId: SESSION, prev: 0, cursor: `${EPOCH}.64` });
    expect(first?.cursor).toBe(`${EPOCH}.64`);
  });

  it('keeps frames under 64 KiB, but for an event that is larger itself', () => {
    const frames = framesOf(LOG, 0, [...wires(20, 10_000), toWire(stored(21, { payload: payload(200_000) })), toWire(stored(22))], BOUNDS);
    expect(frames.map(({ events }) => events.length)).toEqual([6, 6, 6, 2, 1, 1]);
    for (const { text, events } of frames) if (events.length > 1) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024);
  });

  it('counts bytes, not characters', () => {
    const wide = Array.from({ length: 4 }, (_, index) =>
      toWire(stored(index + 1, { payload: JSON.stringify({ level: 'info', text: '漢'.repeat(10_000) }) })),
    );
    expect(framesOf(LOG, 0, wide, BOUNDS).map(({ events }) => events.length)).toEqual([2, 2]);
  });

  it('sends the payload as the text that is stored', () => {
    const odd = '{"b":1e400,"a":"\\u0000","level":"info","text":"\\ud800"}';
    const [frame] = framesOf(LOG, 0, [toWire(stored(1, { payload: odd })), toWire(stored(2, { payload: null }))], BOUNDS);
    expect(frame?.text).toContain(`"payload":${odd}`);
    expect(frame?.text).toContain('"payload":null');
  });

  it('is the same frame whether its events lie together or apart', () => {
    const together = wires(10);
    const a = new EventsFrame(LOG, 2, 8, together.slice(2, 8));
    const apart = Array.from({ length: 10 }, (_, index) => toWire(stored(index + 1, { payload: payload(10) })));
    const mixed = [...apart.slice(2, 4), ...together.slice(4, 6), ...apart.slice(6, 8)];
    expect(new EventsFrame(LOG, 2, 8, mixed).webSocket.equals(a.webSocket)).toBe(true);
    expect(new EventsFrame(LOG, 2, 8, mixed).serverSent.toString()).toBe(`event: events\nid: ${EPOCH}.8\ndata: ${a.text}\n\n`);
    expect(JSON.parse(a.text).events.map(({ seq }: { seq: number }) => seq)).toEqual([3, 4, 5, 6, 7, 8]);
  });

  it('makes no frame of nothing', () => {
    expect(framesOf(LOG, 7, [], BOUNDS)).toEqual([]);
  });
});
