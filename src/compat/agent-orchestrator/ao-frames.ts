import { z } from 'zod';
import type { OutFrame } from '../../realtime/out-frame.js';
import { SESSION_STATUSES } from '../../sessions/session.types.js';
import { type LoggedEvent, type ToldEvent, toldEvent } from './ao-event.js';
import type { AoSession } from './ao-event.types.js';
import { sessionIdOf, type SessionFacts } from './ao-session-row.js';

/** Frames of ours as far as something of theirs comes of them. */
const status = z.object({ to: z.enum(SESSION_STATUSES) });
const eventsFrame = z.object({
  sessionId: z.string(),
  events: z.array(
    z.object({ seq: z.number(), type: z.string(), occurredAt: z.string(), payload: z.record(z.string(), z.unknown()).nullable() }),
  ),
});
const endFrame = z.object({ sessionId: z.string(), status: z.string() });
const feedFrame = z.object({ name: z.string(), sessionId: z.string().nullable(), data: z.record(z.string(), z.unknown()) });
const created = z.object({ status: z.enum(SESSION_STATUSES) });
const updated = z.object({
  after: z.object({
    name: z.string().optional(),
    projectDir: z.string().optional(),
    agent: z.string().optional(),
    lastResumedAt: z.string().nullish(),
    status: z.enum(SESSION_STATUSES).optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
  }),
});

export type SessionStatusOf = z.infer<typeof status>['to'];
export type Changes = z.infer<typeof updated>['after'];

/** What a frame of ours says to somebody who knows only sessions and events. */
export type Heard =
  | { readonly kind: 'event'; readonly sessionId: string; readonly event: LoggedEvent; readonly told: ToldEvent }
  | { readonly kind: 'status'; readonly sessionId: string; readonly to: SessionStatusOf }
  | { readonly kind: 'created'; readonly sessionId: string; readonly status: SessionStatusOf }
  | { readonly kind: 'updated'; readonly sessionId: string; readonly changes: Changes }
  | { readonly kind: 'deleted'; readonly sessionId: string }
  | { readonly kind: 'broken' };

export function heardIn({ type, text }: OutFrame): Heard[] {
  if (type === 'events') return eventsIn(eventsFrame.parse(JSON.parse(text)));
  if (type === 'feed') return factIn(feedFrame.parse(JSON.parse(text)));
  if (type === 'end') {
    const { sessionId, status: end } = endFrame.parse(JSON.parse(text));
    return end === 'deleted' ? [{ kind: 'deleted', sessionId }] : [];
  }
  // A stream can't go on: they know no such frame, and begin anew when they connect again.
  return type === 'error' || type === 'resync_required' ? [{ kind: 'broken' }] : [];
}

const eventsIn = ({ sessionId, events }: z.infer<typeof eventsFrame>): Heard[] =>
  events.flatMap(({ type, occurredAt, payload }): Heard[] => {
    if (type === 'status') {
      const move = status.safeParse(payload);
      return move.success ? [{ kind: 'status', sessionId, to: move.data.to }] : [];
    }
    const event = { type, occurredAt, payload: payload ?? {} };
    const told = toldEvent(event);
    return told ? [{ kind: 'event', sessionId, event, told }] : [];
  });

function factIn({ name, sessionId, data }: z.infer<typeof feedFrame>): Heard[] {
  if (sessionId === null) return [];
  if (name === 'session.created') return [{ kind: 'created', sessionId, status: created.parse(data).status }];
  if (name === 'session.deleted') return [{ kind: 'deleted', sessionId }];
  if (name !== 'session.updated') return [];
  const change = updated.safeParse(data);
  // What is too large to be told is left as it was.
  return change.success ? [{ kind: 'updated', sessionId, changes: change.data.after }] : [];
}

export const initFrame = (sessions: readonly AoSession[]): object => ({ type: 'init', sessions });
export const createdFrame = (session: AoSession): object => ({ type: 'session_created', session });
export const updatedFrame = (session: AoSession): object => ({ type: 'session_updated', session });
export const deletedFrame = (sessionId: string): object => ({ type: 'session_deleted', session_id: sessionId });

/** With everything an event may say, null where it does not. */
export const eventFrame = (facts: SessionFacts, { eventType, timestamp, sessionName, fields }: ToldEvent): object => ({
  type: 'event',
  data: { event_type: eventType, session_id: sessionIdOf(facts), session_name: sessionName ?? facts.name, timestamp, ...fields },
});
