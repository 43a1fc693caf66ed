import { z } from 'zod';
import { CLOSE } from '../core/websocket/close-codes.js';
import { blobRef, storedContentBlock } from '../events/stored-payloads.types.js';
import { approval, EVENT_SCHEMAS, isOutType, OUT_FRAMES, type OutType, requestId, session, sessionEvent } from './frames.types.js';
import { formSchema, type JsonSchema } from './form-schema.js';
import { COMMAND_SPECS, type CommandSpec } from './gateway/command-specs.js';

/** An AsyncAPI 3.0 document. */
export type AsyncApiDocument = Readonly<Record<string, unknown>>;

const ref = (path: string) => ({ $ref: `#/${path}` });
const channelMessage = (channel: string, message: string) => ref(`channels/${channel}/messages/${message}`);
const replyName = (type: string): string => `${type}.reply`;

const OUT_TYPES: readonly OutType[] = Object.keys(OUT_FRAMES).filter(isOutType);
/** What an answer to a request may be, and what comes unasked. */
const ANSWERS: readonly OutType[] = ['hello', 'reply', 'error', 'pong'];
const UNASKED = OUT_TYPES.filter((type) => !ANSWERS.includes(type));
const SESSION_STREAM: readonly OutType[] = [
  'snapshot',
  'events',
  'caught_up',
  'delta',
  'end',
  'access_withdrawn',
  'slow',
  'resync_required',
  'error',
];
const FEED_STREAM: readonly OutType[] = ['feed', 'caught_up', 'access_withdrawn', 'slow', 'resync_required', 'error'];

const DESCRIPTION = `JSON text frames \`{type, …}\`. A request may carry an \`id\`, which its answer repeats; its fields stand flat beside \`type\` and \`id\`.

A connection is authenticated by its upgrade (\`Authorization: Bearer\`, \`X-API-Key\`, the cookie of a browser, or \`?ticket=\` of \`POST /api/tickets\`: 30 seconds, once), or by \`auth\` as its first frame within 10 seconds; nothing is done before. \`hello\` says that it is.

What may be seen is looked at again whenever it changes. A subscription to what is out of sight ends with \`access_withdrawn\`; \`all\` and \`feed\` go on with what may be seen now: a session that came into sight begins with a \`snapshot\`. A connection whose credential is revoked or expires is closed with ${CLOSE.unauthenticated}.

A subscription is answered with \`reply\` (or \`resync_required\`, and then there is none), then \`snapshot\`, \`events\` …, \`caught_up\`, and from then on live \`events\` and \`delta\`, until \`end\`. Each \`events\` frame names in \`prev\` the number before its first event: a reader that has another one last has a gap, and there never is one. To go on after a break, subscribe again with the last \`cursor\`.

A session is sent once a connection, also where several subscriptions hold it. A workspace or all: each session as by itself, new ones from 1; a last \`caught_up {subscription}\` tells that all there were at first are caught up; a session in \`cursors\` that is no longer there gets \`end {status: "deleted"}\`.

Frames hold at most 2 MiB; \`append\`, \`session.create\` and \`session.input\` 8 MiB, with \`type\` within their first 512 bytes. What is too large, no JSON, binary or of an unknown type is answered with \`error\`, and the connection goes on; over 8 MiB it is closed with 1009.

A reader with more than 256 KiB waiting is told \`slow\` and gets events from the log without deltas, until \`caught_up\` comes again.

Close codes: ${CLOSE.goingAway} the server is shutting down · 1009 a frame over 8 MiB · ${CLOSE.slow} nothing was taken for 60 s, or no pong within 8 s of a ping (every 25 s) · ${CLOSE.unauthenticated} no valid \`auth\` in time, or the credential was revoked or has expired · ${CLOSE.tryAgain} it can't be told whether it is still good: connect again.`;

/** The document of every frame in and out; \`asyncapi.json\` is made from it. */
export function asyncApiDocument(version: string): AsyncApiDocument {
  const replies = COMMAND_SPECS.filter(({ answer }) => answer === undefined);
  const realtime = [
    ...COMMAND_SPECS.map(({ type }) => type),
    ...replies.map(({ type }) => replyName(type)),
    ...OUT_TYPES.filter((type) => type !== 'reply'),
  ];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Muster realtime',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    defaultContentType: 'application/json',
    servers: {
      websocket: {
        host: '127.0.0.1:4600',
        protocol: 'ws',
        description: 'The address of MUSTER_HOST and MUSTER_PORT.',
        security: [...SECURITY, securityScheme('ticket')],
      },
      sse: { host: '127.0.0.1:4600', protocol: 'http', description: 'Server-sent events.', security: SECURITY },
    },
    channels: {
      realtime: channel('/api/ws', 'websocket', 'Everything, both ways.', realtime),
      sessionEvents: {
        ...channel(
          '/api/sessions/{sessionId}/events/stream',
          'sse',
          'One session; `event:` is the type of the frame, `id:` the cursor.',
          SESSION_STREAM,
        ),
        parameters: { sessionId: { description: 'An id, or ext:<externalId>.' } },
      },
      feedEvents: channel('/api/feed/stream', 'sse', 'Domain events; `event:` is the type of the frame, `id:` the cursor.', FEED_STREAM),
    },
    operations: operations(replies),
    components: {
      messages: messages(replies),
      schemas: schemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key: Authorization: Bearer mst_…' },
        apiKey: { type: 'httpApiKey', in: 'header', name: 'X-API-Key' },
        cookie: { type: 'httpApiKey', in: 'cookie', name: 'muster_session' },
        ticket: {
          type: 'httpApiKey',
          in: 'query',
          name: 'ticket',
          description: 'Of POST /api/tickets: for one upgrade, within 30 seconds.',
        },
      },
    },
  };
}

const securityScheme = (name: string) => ref(`components/securitySchemes/${name}`);
const SECURITY = ['bearer', 'apiKey', 'cookie'].map(securityScheme);

const channel = (address: string, server: string, description: string, names: readonly string[]) => ({
  address,
  description,
  servers: [ref(`servers/${server}`)],
  messages: Object.fromEntries(names.map((name) => [name, ref(`components/messages/${name}`)])),
});

function operations(replies: readonly CommandSpec[]): Record<string, unknown> {
  const received = COMMAND_SPECS.map((spec): [string, unknown] => [
    `receive_${spec.type}`,
    {
      action: 'receive',
      channel: ref('channels/realtime'),
      summary: spec.summary,
      messages: [channelMessage('realtime', spec.type)],
      reply: { channel: ref('channels/realtime'), messages: answersOf(spec, replies).map((name) => channelMessage('realtime', name)) },
      'x-permission': spec.permission,
    },
  ]);
  const sent = (name: string, types: readonly OutType[]): [string, unknown][] =>
    types.map((type) => [
      `send_${name}_${type}`,
      { action: 'send', channel: ref(`channels/${name}`), summary: OUT_FRAMES[type].description, messages: [channelMessage(name, type)] },
    ]);
  return Object.fromEntries([
    ...received,
    ...sent('realtime', UNASKED),
    ...sent('sessionEvents', SESSION_STREAM),
    ...sent('feedEvents', FEED_STREAM),
  ]);
}

function answersOf(spec: CommandSpec, replies: readonly CommandSpec[]): string[] {
  const answer = replies.includes(spec) ? replyName(spec.type) : (spec.answer ?? 'error');
  return [answer, ...(spec.type === 'subscribe' ? ['resync_required'] : []), 'error'];
}

function messages(replies: readonly CommandSpec[]): Record<string, unknown> {
  const message = (name: string, summary: string | undefined, schema: string): [string, unknown] => [
    name,
    { name, summary, payload: ref(`components/schemas/${schema}`) },
  ];
  return Object.fromEntries([
    ...COMMAND_SPECS.map(({ type, summary }) => message(type, summary, `request.${type}`)),
    ...replies.map(({ type }) => message(replyName(type), `Answers ${type}.`, `reply.${type}`)),
    ...OUT_TYPES.filter((type) => type !== 'reply').map((type) => message(type, OUT_FRAMES[type].description, `frame.${type}`)),
  ]);
}

/** What several frames hold is described once and referred to. */
function schemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  registry.add(session, { id: 'Session' });
  registry.add(approval, { id: 'Approval' });
  registry.add(blobRef, { id: 'Blob' });
  registry.add(storedContentBlock, { id: 'ContentBlock' });
  registry.add(sessionEvent, { id: 'SessionEvent' });
  for (const [type, schema] of Object.entries(EVENT_SCHEMAS)) registry.add(schema, { id: `event.${type}` });
  for (const type of OUT_TYPES) if (type !== 'reply') registry.add(OUT_FRAMES[type], { id: `frame.${type}` });
  for (const spec of COMMAND_SPECS)
    if (spec.answer === undefined)
      registry.add(OUT_FRAMES.reply.extend({ data: spec.data }).describe(`Answers ${spec.type}.`), { id: `reply.${spec.type}` });
  const found = z.toJSONSchema(registry, {
    target: 'draft-7',
    unrepresentable: 'any',
    uri: (id) => `#/components/schemas/${id}`,
    // zod spells a format out as an expression of 400 characters.
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  const described = Object.entries(found.schemas).map(([id, { $id: _, $schema: __, ...schema }]): [string, JsonSchema] => [id, schema]);
  return Object.fromEntries([
    ...described,
    ...COMMAND_SPECS.map((spec): [string, JsonSchema] => [`request.${spec.type}`, requestSchema(spec)]),
  ]);
}

/** `type` and `id` beside the fields of the command and of its form. */
function requestSchema({ type, fields, form, summary }: CommandSpec): JsonSchema {
  const { $schema: _, ...own } = z.toJSONSchema(fields, { target: 'draft-7', unrepresentable: 'any', io: 'input' });
  const { $schema: __, ...id } = z.toJSONSchema(requestId, { target: 'draft-7' });
  const extra = form ? formSchema(form) : { properties: {}, required: [] };
  const common = { type: { const: type }, id };
  const variants = (own.anyOf ?? [own]).map((variant) => {
    const { properties = {}, required = [] } = typeof variant === 'boolean' ? {} : variant;
    return {
      type: 'object',
      properties: { ...common, ...properties, ...extra.properties },
      required: ['type', ...required, ...extra.required],
      additionalProperties: false,
    };
  });
  const [only] = variants;
  return { description: summary, ...(variants.length === 1 ? only : { anyOf: variants }) };
}
