import fc from 'fast-check';
import { EVENT_SOURCES, type StoredEvent } from './event-log.types.js';
import { wireEvent } from './wire-event.js';

const text = fc.string({ unit: fc.oneof(fc.constantFrom('"', '\\', '\n', '\u0000', '\u2028', '\ud800', '\u007f', '/'), fc.string()) });
const events: fc.Arbitrary<StoredEvent> = fc.record({
  sessionId: text,
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  id: text,
  turn: fc.option(fc.nat()),
  type: text,
  source: fc.constantFrom(...EVENT_SOURCES),
  actor: text,
  occurredAt: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  recordedAt: text,
  nativeId: fc.option(text),
  payload: fc.option(fc.jsonValue().map((value) => JSON.stringify(value))),
});

describe('wireEvent', () => {
  it('is what JSON.stringify gives, whatever stands in the fields', () => {
    fc.assert(
      fc.property(events, (event) => {
        const { seq, id, type, turn, source, actor, occurredAt, recordedAt, nativeId } = event;
        const payload: unknown = event.payload === null ? null : JSON.parse(event.payload);
        const rest = { ...(nativeId === null ? {} : { nativeId }), payload };
        const whole = { seq, id, type, turn, source, actor, occurredAt, recordedAt, ...rest };
        expect(wireEvent(event)).toBe(JSON.stringify(whole));
      }),
    );
  });
});
