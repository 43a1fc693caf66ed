import { EPOCH, SESSION, stored } from '../testing/fake-log.js';
import { framesOf, toWire } from './event-frames.js';

const LOG = { sessionId: SESSION, epoch: EPOCH };
const BOUNDS = { frameEvents: 64, frameBytes: 64 * 1024 };
const payload = (length: number) => JSON.stringify({ level: 'info', text: 'x'.repeat(length) });
const wires = (count: number, length = 10) =>
  Array.from({ length: count }, (_, index) => toWire(stored(index + 1, { payload: payload(length) })));

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

  it('makes no frame of nothing', () => {
    expect(framesOf(LOG, 7, [], BOUNDS)).toEqual([]);
  });
});
