import type { Head } from './event-log.types.js';
import { numberEvents } from './numbering.js';
import { preparedEvent } from './testing/prepared-event.js';

const head: Head = { sessionId: 's', epoch: 'e', lastSeq: 7, earliestSeq: 1, messageCount: 0, ended: false };
const event = (id: string, hash = id) => preparedEvent(id, { hash });
const outcomes = (results: ReturnType<typeof numberEvents>['results']) =>
  results.map((each) => (each.ok ? `${each.value.seq}${each.value.duplicate ? ' again' : ''}` : each.error.name));

describe('numberEvents', () => {
  it('numbers what is new behind the head, in order', () => {
    const { results, fresh } = numberEvents(head, [event('a'), event('b')], new Map(), true);
    expect(outcomes(results)).toEqual(['8', '9']);
    expect(fresh.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('gives what is stored its own number, and leaves no hole for it', () => {
    const { results, fresh } = numberEvents(
      head,
      [event('a'), event('old'), event('b')],
      new Map([['old', { seq: 3, hash: 'old' }]]),
      true,
    );
    expect(outcomes(results)).toEqual(['8', '3 again', '9']);
    expect(fresh.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('sees a repeat within the same call', () => {
    expect(outcomes(numberEvents(head, [event('a'), event('a')], new Map(), true).results)).toEqual(['8', '8 again']);
  });

  it('refuses other content under a known id, stored or of the same call', () => {
    const stored = new Map([['old', { seq: 3, hash: 'other' }]]);
    const { results, fresh } = numberEvents(head, [event('old'), event('a'), event('a', 'else')], stored, true);
    expect(outcomes(results)).toEqual(['EventConflictError', '8', 'EventConflictError']);
    expect(fresh).toHaveLength(1);
  });

  it('takes nothing new where the log has ended, but knows what it has', () => {
    const { results, fresh } = numberEvents(head, [event('old'), event('a')], new Map([['old', { seq: 3, hash: 'old' }]]), false);
    expect(outcomes(results)).toEqual(['3 again', 'SessionEndedError']);
    expect(fresh).toEqual([]);
  });
});
