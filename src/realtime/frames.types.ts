import { z } from 'zod';
import { APPROVAL_STATUSES } from '../approvals/approval.types.js';
import { EVENT_SOURCES } from '../events/event-log.types.js';
import { isKnownType, type KnownEventType, PAYLOADS } from '../events/event-payloads.types.js';
import { STORED_PAYLOADS } from '../events/stored-payloads.types.js';
import { SESSION_STATUSES } from '../sessions/session.types.js';
import { type OutFrame, TextFrame } from './out-frame.js';

/** Every frame the server sends, on the WebSocket and (where `id` makes no sense) as SSE: the one source of types, AsyncAPI and tests. */

const text = z.string();
const whole = z.number().int().min(0);
const time = z.iso.datetime();
/** `<epoch>.<number>`. */
export const cursor = z
  .string()
  .regex(/^[0-9a-f]{8}\.(0|[1-9]\d{0,14})$/)
  .describe('<epoch>.<number>: where a reader stands. Give it back as it came.');
export const requestId = z
  .union([z.string().min(1).max(128), z.number().int()])
  .describe('What the caller calls its request by; repeated in the answer.');

const eventBase = {
  seq: whole.min(1).describe('1, 2, 3 … without gaps, the same for every reader.'),
  id: text,
  turn: whole.nullable(),
  source: z.enum(EVENT_SOURCES),
  actor: text,
  occurredAt: time,
  recordedAt: time,
  nativeId: text.optional(),
};

const knownTypes: KnownEventType[] = Object.keys(PAYLOADS).filter(isKnownType);
const opaquePayload = z.record(z.string(), z.unknown());
const knownEvent = (type: KnownEventType) =>
  z.strictObject({
    ...eventBase,
    type: z.literal(type),
    payload: (STORED_PAYLOADS[type] ?? opaquePayload).nullable().describe('null where retention trimmed it.'),
  });
const opaqueEvent = z.strictObject({
  ...eventBase,
  type: text.regex(new RegExp(`^(?!(?:${knownTypes.join('|')})$)`)).describe('A type of somebody else: kept as it came.'),
  payload: opaquePayload.nullable(),
});

const knownEvents = knownTypes.map(knownEvent);
/** The schema of an event by its type, and that of every other type as `opaque`. */
export const EVENT_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  ...Object.fromEntries(knownTypes.map((type, index) => [type, knownEvents[index] ?? opaqueEvent])),
  opaque: opaqueEvent,
};
export const sessionEvent = z.union([...knownEvents, opaqueEvent]);

/** As `GET /api/sessions/:id` gives it. */
export const session = z
  .looseObject({
    id: text,
    name: text,
    agent: text,
    runtime: text,
    status: z.enum(SESSION_STATUSES),
    origin: text,
    projectDir: text,
    ownerId: text,
    messageCount: whole,
    createdAt: time,
    updatedAt: time,
    version: whole,
    cursor,
  })
  .describe('As GET /api/sessions/:id gives it.');

/** As `GET /api/approvals/:id` gives it. */
export const approval = z
  .looseObject({
    id: text,
    sessionId: text,
    kind: text,
    title: text,
    options: z.array(z.looseObject({ optionId: text, name: z.string(), kind: text })),
    status: z.enum(APPROVAL_STATUSES),
    createdAt: time,
  })
  .describe('As GET /api/approvals/:id gives it.');

const openBlock = z.strictObject({ blockId: text, turn: whole.nullable(), kind: z.enum(['message', 'thought']), text: z.string() });
const sessionId = text.describe('The id of the session, also where it was subscribed to as ext:<externalId>.');
const subscription = text.describe('Names a subscription of this connection.');
const prev = whole.describe('The last number before this frame that this reader was sent: what does not follow it is a gap.');

export const OUT_FRAMES = {
  hello: z
    .strictObject({
      type: z.literal('hello'),
      id: requestId.optional(),
      server: z.strictObject({ name: z.literal('muster'), version: text }),
      principal: z.strictObject({
        id: text,
        kind: text,
        name: text,
        sessionId: text.optional(),
        permissions: z.array(text).optional().describe('What its key is limited to; absent: everything its kind may do.'),
        roles: z.record(z.string(), text).optional().describe('Its role in each workspace it may enter.'),
      }),
    })
    .describe('The connection is authenticated.'),
  reply: z
    .strictObject({
      type: z.literal('reply'),
      id: requestId.optional(),
      ok: z.literal(true),
      replayed: z.literal(true).optional().describe('The answer to an earlier request with the same idempotencyKey.'),
      data: z.record(z.string(), z.unknown()),
    })
    .describe('A request was carried out.'),
  error: z
    .strictObject({
      type: z.literal('error'),
      id: requestId.optional(),
      code: text.describe('Stable; the same as over HTTP.'),
      message: text,
      status: whole,
      remedy: text.optional(),
      issues: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
      context: z.record(z.string(), z.unknown()).optional(),
      requestId: text.optional().describe("Names the entry of the log, where the fault is the server's."),
    })
    .describe('A request was refused, or a frame was none (then without id).'),
  pong: z.strictObject({ type: z.literal('pong'), id: requestId.optional() }),
  snapshot: z
    .strictObject({
      type: z.literal('snapshot'),
      sessionId,
      session,
      cursor: cursor.describe('Where the log stands; events up to here come before caught_up.'),
      earliest: cursor.describe('Where what is kept of the log begins: without a cursor, the events behind it come first.'),
      open: z.array(openBlock),
    })
    .describe('A subscription to a session begins. `open` is streaming text as it stands; deltas go on exactly behind it.'),
  events: z
    .strictObject({
      type: z.literal('events'),
      sessionId,
      prev,
      cursor: cursor.describe('Behind the last event of this frame, or the last one looked at where a filter is set.'),
      events: z.array(sessionEvent).min(1),
    })
    .describe('Up to 64 events or 64 KiB, at least one.'),
  delta: z
    .strictObject({
      type: z.literal('delta'),
      sessionId,
      turn: whole.nullable(),
      blockId: text,
      kind: z.enum(['message', 'thought']),
      offset: whole,
      text: z.string(),
    })
    .describe(
      'A piece of streaming text at `offset` (UTF-16 code units) of its block; the whole comes later as the message or thought with this blockId.',
    ),
  caught_up: z
    .union([
      z.strictObject({ type: z.literal('caught_up'), sessionId, cursor }),
      z.strictObject({ type: z.literal('caught_up'), feed: z.literal(true), cursor }),
      z.strictObject({ type: z.literal('caught_up'), subscription, sessions: whole }),
    ])
    .describe(
      'What follows is live: of a session (again after each `slow`), of the feed, or of every session that a workspace or all had at first.',
    ),
  end: z
    .strictObject({ type: z.literal('end'), sessionId, cursor, status: z.enum([...SESSION_STATUSES, 'deleted']) })
    .describe('The session has ended or was deleted: nothing follows, the subscription to it is over.'),
  access_withdrawn: z
    .union([
      z.strictObject({ type: z.literal('access_withdrawn'), sessionId, subscription: subscription.optional() }),
      z.strictObject({ type: z.literal('access_withdrawn'), workspaceId: text, subscription: subscription.optional() }),
    ])
    .describe(
      'The session, or the workspace, is out of sight: the subscription to it is over and nothing of it follows. A subscription to all, or to a workspace, loses this session only, and goes on. A stream of server-sent events ends, and has no `subscription`.',
    ),
  feed: z
    .strictObject({
      type: z.literal('feed'),
      prev: whole.describe(
        'The position of the frame before in this subscription; at first, that of its `after`. Positions in between are not for this reader.',
      ),
      position: whole.min(1),
      name: text,
      workspaceId: text.nullable(),
      sessionId: text.nullable(),
      ownerId: text.nullable(),
      actor: text,
      occurredAt: time,
      requestId: text.nullable().describe('Of the request that caused it.'),
      data: z.record(z.string(), z.unknown()),
      cursor,
    })
    .describe('A domain event.'),
  resync_required: z
    .union([
      z.strictObject({ type: z.literal('resync_required'), id: requestId.optional(), sessionId, reason: text, earliest: cursor }),
      z.strictObject({
        type: z.literal('resync_required'),
        id: requestId.optional(),
        feed: z.literal(true),
        reason: text,
        earliest: cursor,
      }),
    ])
    .describe(
      'Reading on from the cursor given would leave a hole: there is no subscription. Drop what you have and begin at `earliest`. Answers the request with its id.',
    ),
  slow: z
    .strictObject({ type: z.literal('slow') })
    .describe('This connection takes less than there is: no deltas, events from the log, until caught_up comes again.'),
} as const;

export type OutType = keyof typeof OUT_FRAMES;
export type OutBody<T extends OutType> = z.infer<(typeof OUT_FRAMES)[T]>;
export const isOutType = (type: string): type is OutType => Object.hasOwn(OUT_FRAMES, type);

export const outFrame = <T extends OutType>(body: OutBody<T> & { type: T }, cursor?: string): OutFrame =>
  new TextFrame(body.type, JSON.stringify(body), cursor);
