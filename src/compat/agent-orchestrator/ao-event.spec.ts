import fc from 'fast-check';
import { prepareEvent } from '../../events/event-preparation.js';
import { draftOf, loggedEvent, toldEvent } from './ao-event.js';
import { AO_FIELDS, type AoEvent, pythonTime, timeOf } from './ao-event.types.js';

const json = fc.jsonValue({ maxDepth: 3 });
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const textOrNull = maybe(fc.oneof(fc.string(), fc.constant(null)));
const object = fc.dictionary(fc.string(), json) as fc.Arbitrary<Record<string, unknown>>;
const block = fc.oneof(
  fc.record({ type: fc.constant('text'), text: fc.string() }),
  fc.record({ type: fc.constantFrom('tool_use', 'thinking', 'image', 'text'), more: json }),
  object,
);
const event: fc.Arbitrary<AoEvent> = fc.record(
  {
    event_type: fc.oneof(fc.constantFrom('session_start', 'session_stop', 'pre_tool', 'post_tool', 'message'), fc.string({ minLength: 1 })),
    session_id: fc.string({ minLength: 1 }),
    session_name: fc.string(),
    timestamp: fc.oneof(
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.string(),
    ),
    tool_name: textOrNull,
    tool_input: maybe(fc.oneof(object, fc.constant(null))),
    tool_output: maybe(json),
    error: textOrNull,
    exit_code: maybe(fc.oneof(fc.integer(), fc.constant(null))),
    reason: textOrNull,
    role: maybe(fc.oneof(fc.constantFrom('user', 'assistant', 'system', 'tool'), fc.string(), fc.constant(null))),
    content: maybe(fc.oneof(fc.string(), fc.array(block), fc.constant(null))),
  },
  { requiredKeys: ['event_type', 'session_id', 'session_name', 'timestamp'] },
);
const NOW = '2026-11-20T14:00:00.000Z';

describe('an event of agent-orchestrator', () => {
  it('is read back as it was sent, whatever it holds', () => {
    fc.assert(
      fc.property(event, fc.boolean(), (sent, isQuiet) => {
        const draft = draftOf(sent, { isQuiet });
        const { type, occurredAt, payload } = prepareEvent({ ...draft, source: 'api', actor: 'user:a' }, NOW);
        const told = toldEvent(loggedEvent({ type, occurredAt, payload }));
        const expected = Object.fromEntries(AO_FIELDS.map((name) => [name, sent[name] ?? null]));
        expect(told).toEqual({
          eventType: sent.event_type,
          timestamp: sent.timestamp,
          sessionName: sent.session_name,
          isQuiet,
          fields: JSON.parse(JSON.stringify(expected)),
        });
      }),
      { numRuns: 500 },
    );
  });

  it('keeps what it does not know, and tells it to nobody', () => {
    const sent = { event_type: 'message', session_id: 's', session_name: 'n', timestamp: NOW, role: 'user', content: [], future: { a: 1 } };
    const draft = draftOf(sent);
    expect(draft.payload).toMatchObject({ agentOrchestrator: { other: { future: { a: 1 } } } });
    expect(Object.keys(toldEvent({ type: draft.type, occurredAt: NOW, payload: draft.payload })?.fields ?? {}).sort()).toEqual(
      [...AO_FIELDS].sort(),
    );
  });

  it('keeps little where our words say the same', () => {
    const sent = {
      event_type: 'message',
      session_id: 's',
      session_name: 'n',
      timestamp: NOW,
      role: 'user',
      content: [{ type: 'text', text: 'x' }],
    };
    expect(draftOf(sent).payload).toEqual({
      role: 'user',
      content: [{ type: 'text', text: 'x' }],
      agentOrchestrator: { timestamp: NOW, sessionName: 'n' },
    });
  });

  it('of others is none where its marks are not ours', () => {
    const message = { role: 'user', content: [], agentOrchestrator: 'mine' };
    expect(toldEvent({ type: 'message', occurredAt: NOW, payload: message })).toMatchObject({ eventType: 'message' });
    expect(toldEvent({ type: 'thought', occurredAt: NOW, payload: {} })).toBeUndefined();
    expect(toldEvent({ type: 'agent-orchestrator.event', occurredAt: NOW, payload: {} })).toBeUndefined();
  });
});

describe('times', () => {
  it.each([
    ['2025-12-01T10:00:00.123456+00:00', '2025-12-01T10:00:00.123Z'],
    ['2025-12-01T12:00:00+02:00', '2025-12-01T10:00:00.000Z'],
    ['2025-12-01T10:00:00', '2025-12-01T10:00:00.000Z'],
    ['2025-12-01 10:00', '2025-12-01T10:00:00.000Z'],
    ['2025-12-01T10:00:00Z', '2025-12-01T10:00:00.000Z'],
    ['2025-13-01T10:00:00Z', undefined],
    ['9999-12-31T23:59:59-10:00', undefined],
    ['yesterday', undefined],
    ['', undefined],
  ])('%s is %s', (text, expected) => expect(timeOf(text)).toBe(expected));

  it('are written as Python writes them', () => expect(pythonTime('2026-11-20T14:00:00.123Z')).toBe('2026-11-20T14:00:00.123000+00:00'));
});
