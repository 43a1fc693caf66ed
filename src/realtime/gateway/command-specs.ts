import type { Type } from '@nestjs/common';
import { z } from 'zod';
import type { Permission } from '../../auth/principal.types.js';
import { IDEMPOTENCY_KEY } from '../../core/idempotency/idempotency.types.js';
import { DecideRequest } from '../../approvals/dto/approvals.dto.js';
import { INPUT_STATES } from '../../sessions/session.types.js';
import { CreateSessionRequest } from '../../sessions/dto/create-session.dto.js';
import { ResumeSessionRequest } from '../../sessions/dto/lineage.dto.js';
import { SessionInputRequest } from '../../sessions/dto/session-requests.dto.js';
import { approval, type OutType, session } from '../frames.types.js';

/** One type of frame that clients send: the source of its check, its permission and its description in AsyncAPI. */
export interface CommandSpec<F extends z.ZodType = z.ZodType, B extends object = object> {
  readonly type: string;
  readonly summary: string;
  readonly permission: Permission;
  /** The fields beside `type` and `id`; for a command with a `form`, those that the form does not have. */
  readonly fields: F;
  /** The request class of the same call over HTTP; its fields stand flat beside the others. */
  readonly form?: Type<B>;
  /** `data` of the reply. */
  readonly data: z.ZodType<Record<string, unknown>>;
  /** What answers it, where it is not `reply`. */
  readonly answer?: OutType;
  /** What waits for its turn: the same session's requests of this kind, or all of the connection. */
  readonly order?: 'session' | 'connection';
  /** Takes an `idempotencyKey` as its route over HTTP does, with which it shares the answers. */
  readonly idempotent?: IdempotentSpec;
  /** May have up to 8 MiB. */
  readonly isLarge?: boolean;
}

/** The same call over HTTP; an {@link Answer} may have another status. */
export interface IdempotentSpec {
  readonly operation: string;
  readonly status: number;
  /** The field of `data` that holds its body; absent: `data` is its body. */
  readonly field?: string;
  /** What its `Location` is, before the id of what was made. */
  readonly location?: string;
}

const spec = <F extends z.ZodType, B extends object = object>(each: CommandSpec<F, B>): CommandSpec<F, B> => each;

const id = z.string().min(1).max(300);
const after = z.string().min(1).max(64).describe('The cursor behind which to begin; absent or 0: the beginning.');
const deltas = z.boolean().describe('false: no streaming text, only events. Absent: true.');
const cursors = z.record(z.string(), after).describe('Cursors by session id; the others begin at 1.');
const nothing = z.strictObject({});
const idempotencyKey = z
  .string()
  .regex(IDEMPOTENCY_KEY)
  .describe(
    'Sent again with the same key within 24 hours, here or as Idempotency-Key over HTTP, the request is carried out once and gets the first answer.',
  );
const ofSession = z.strictObject({ sessionId: id.describe('An id, or ext:<externalId>.') });
const toSession = ofSession.extend({ after: after.optional(), deltas: deltas.optional() });
const toWorkspace = z.strictObject({ workspaceId: id, cursors: cursors.optional(), deltas: deltas.optional() });
const toAll = z.strictObject({ all: z.literal(true), cursors: cursors.optional(), deltas: deltas.optional() });
const toFeed = z.strictObject({ feed: z.literal(true), after: after.optional(), workspaceId: id.optional() });

const problem = z.looseObject({ code: z.string(), status: z.number(), detail: z.string() }).describe('RFC 9457 problem details.');
const appended = z.union([
  z.strictObject({ id: z.string(), seq: z.number().int().min(1), duplicate: z.boolean() }),
  z.strictObject({ id: z.string().optional(), error: problem }),
]);

export const AUTH = spec({
  type: 'auth',
  summary: 'The first frame of a connection that brought no credentials with its upgrade; within 10 seconds.',
  permission: 'self:read',
  fields: z.strictObject({ token: z.string().min(1).max(8_192) }),
  data: nothing,
  answer: 'hello',
});
export const PING = spec({
  type: 'ping',
  summary: 'Is answered with pong.',
  permission: 'self:read',
  fields: nothing,
  data: nothing,
  answer: 'pong',
});
export const SUBSCRIBE = spec({
  type: 'subscribe',
  summary: 'Follow a session, every session of a workspace, every one there is, or the feed.',
  permission: 'sessions:read',
  fields: z.union([toSession, toWorkspace, toAll, toFeed], {
    error:
      'Give one target: {sessionId, after?, deltas?}, {workspaceId, cursors?, deltas?}, {all: true, cursors?, deltas?} or {feed: true, after?, workspaceId?}.',
  }),
  data: z.strictObject({ subscription: z.string(), sessionId: z.string().optional() }),
  order: 'connection',
});
export const UNSUBSCRIBE = spec({
  type: 'unsubscribe',
  summary: 'End a subscription, named by its id or its target.',
  permission: 'sessions:read',
  fields: z.union(
    [
      z.strictObject({ subscription: id }),
      ofSession,
      toWorkspace.pick({ workspaceId: true }),
      toAll.pick({ all: true }),
      toFeed.omit({ after: true }),
    ],
    { error: 'Give {subscription}, or the target it was made with.' },
  ),
  data: z.strictObject({ subscription: z.string() }),
  order: 'connection',
});
export const APPEND = spec({
  type: 'append',
  summary:
    'Append 1 to 1,000 events; the same promises as POST /api/sessions/:id/events. Many may be under way; those of one session are stored in order.',
  permission: 'events:append',
  fields: ofSession.extend({
    events: z.array(z.unknown()).min(1).max(1_000).describe('Each checked by itself; see POST /api/sessions/:id/events.'),
  }),
  data: z.strictObject({ results: z.array(appended) }),
  isLarge: true,
});
export const SESSION_CREATE = spec({
  type: 'session.create',
  summary: 'Start an agent, or report one that runs elsewhere: as POST /api/sessions.',
  permission: 'sessions:create',
  fields: z.strictObject({ idempotencyKey: idempotencyKey.optional() }),
  idempotent: { operation: 'createSession', status: 201, field: 'session', location: '/api/sessions/' },
  form: CreateSessionRequest,
  data: z.strictObject({ session }),
  isLarge: true,
});
export const SESSION_INPUT = spec({
  type: 'session.input',
  summary: 'Send the next prompt: as POST /api/sessions/:id/input.',
  permission: 'sessions:control',
  fields: ofSession.extend({ idempotencyKey: idempotencyKey.optional() }),
  idempotent: { operation: 'sendInput', status: 202 },
  form: SessionInputRequest,
  data: z.strictObject({ inputId: z.string(), state: z.enum(INPUT_STATES) }),
  order: 'session',
  isLarge: true,
});
export const SESSION_INTERRUPT = spec({
  type: 'session.interrupt',
  summary: 'Cancel the turn under way: as POST /api/sessions/:id/interrupt.',
  permission: 'sessions:control',
  fields: ofSession,
  data: z.strictObject({ session }),
  order: 'session',
});
export const SESSION_SUSPEND = spec({
  type: 'session.suspend',
  summary:
    "Free a session's process and keep everything else: as POST /api/sessions/:id/suspend. Answers when the death is verified, or after 10 seconds.",
  permission: 'sessions:control',
  fields: ofSession,
  data: z.strictObject({ session, isDone: z.boolean().describe('false: it takes longer; the status event tells.') }),
});
export const SESSION_RESUME = spec({
  type: 'session.resume',
  summary: 'Let a session go on, as itself or as a new one: as POST /api/sessions/:id/resume. The session of the reply tells which.',
  permission: 'sessions:control',
  fields: ofSession.extend({ idempotencyKey: idempotencyKey.optional() }),
  idempotent: { operation: 'resumeSession', status: 200, field: 'session', location: '/api/sessions/' },
  form: ResumeSessionRequest,
  data: z.strictObject({ session }),
  order: 'session',
  isLarge: true,
});
export const SESSION_STOP = spec({
  type: 'session.stop',
  summary: 'End a session and its agent: as POST /api/sessions/:id/stop. Answers when the death is verified, or after 10 seconds.',
  permission: 'sessions:control',
  fields: ofSession,
  data: z.strictObject({ session, isEnded: z.boolean().describe('false: it takes longer; the end frame of a subscription tells.') }),
});

export const APPROVAL_DECIDE = spec({
  type: 'approval.decide',
  summary: 'Answer a question of an agent: as POST /api/approvals/:id/decide.',
  permission: 'approvals:decide',
  fields: z.strictObject({ approvalId: id }),
  form: DecideRequest,
  data: z.strictObject({ approval }),
});

export const COMMAND_SPECS: readonly CommandSpec[] = [
  AUTH,
  PING,
  SUBSCRIBE,
  UNSUBSCRIBE,
  APPEND,
  SESSION_CREATE,
  SESSION_INPUT,
  SESSION_INTERRUPT,
  SESSION_SUSPEND,
  SESSION_RESUME,
  SESSION_STOP,
  APPROVAL_DECIDE,
];
