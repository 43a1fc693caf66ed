import type { AppendResult, Head } from './event-log.types.js';
import type { PreparedEvent } from './event-preparation.js';
import { EventConflictError, SessionEndedError } from './events.errors.js';

/** An event that is in the log already, by its id. */
export interface KnownEvent {
  readonly seq: number;
  readonly hash: string;
}

/** What becomes of one session's events: a result each, and those that are new. `fresh[0]` gets the number after `head.lastSeq`. */
export interface Numbered {
  readonly results: AppendResult[];
  readonly fresh: readonly PreparedEvent[];
}

/** Numbers events behind `head`. The same id again, also within `events`, is a duplicate, or a conflict where the content differs. */
export function numberEvents(
  head: Head,
  events: readonly PreparedEvent[],
  stored: ReadonlyMap<string, KnownEvent>,
  isOpen: boolean,
): Numbered {
  const fresh: PreparedEvent[] = [];
  const own = new Map<string, KnownEvent>();
  const results = events.map((event): AppendResult => {
    const first = stored.get(event.id) ?? own.get(event.id);
    if (first) return first.hash === event.hash ? accepted(event, first.seq, true) : conflict(event, first);
    if (!isOpen) return ended();
    fresh.push(event);
    const seq = head.lastSeq + fresh.length;
    own.set(event.id, { seq, hash: event.hash });
    return accepted(event, seq, false);
  });
  return { results, fresh };
}

const accepted = ({ id }: PreparedEvent, seq: number, duplicate: boolean): AppendResult => ({ ok: true, value: { id, seq, duplicate } });

const conflict = ({ id }: PreparedEvent, { seq }: KnownEvent): AppendResult => ({
  ok: false,
  error: new EventConflictError(`The event ${id} is there already (seq ${seq}), with other content.`, {
    remedy: 'Draw a new id for a new event.',
    context: { id, seq },
  }),
});

const ended = (): AppendResult => ({
  ok: false,
  error: new SessionEndedError('The session has ended: its log accepts nothing more.', { remedy: 'Start a new session.' }),
});
