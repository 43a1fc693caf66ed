import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { isJsonObject, type JsonObject, parseObject } from '../../core/json.js';
import { contentBlock } from '../../events/event-payloads.types.js';
import type { StoredEvent } from '../../events/event-log.types.js';
import { AO_FIELDS, AO_KEPT, type AoEvent, type AoField, type AoFields, pythonTime, timeOf } from './ao-event.types.js';

/** What of an event the payload has no place for, in the words of its sender. */
const kept = z.looseObject({
  timestamp: z.string(),
  sessionName: z.string().optional(),
  eventType: z.string().optional(),
  /** It came by `POST /events`, which tells nobody of the session. */
  isQuiet: z.boolean().optional(),
  fields: z.record(z.string(), z.unknown()).optional(),
});
type Kept = z.infer<typeof kept>;

interface Draft {
  readonly type: string;
  readonly occurredAt?: string;
  readonly payload: Record<string, unknown>;
}

/** Types of ours by theirs. What they do not know is kept under a name of its own. */
const TYPES: Readonly<Record<string, string>> = {
  session_start: 'session_start',
  session_stop: 'session_stop',
  pre_tool: 'tool_call',
  post_tool: 'tool_update',
  message: 'message',
};
const OTHER = 'agent-orchestrator.event';
/** The types of a log that can be told to their clients. */
export const AO_TYPES = [...Object.values(TYPES), 'input', OTHER];

const ROLES = ['user', 'assistant', 'system'];

/** An event of theirs as one of ours. Nothing of it is lost: {@link toldEvent} gives it back. */
export function draftOf(event: AoEvent, { isQuiet = false }: { isQuiet?: boolean } = {}): Draft {
  const type = Object.hasOwn(TYPES, event.event_type) ? (TYPES[event.event_type] ?? OTHER) : OTHER;
  const payload = payloadOf(type, event);
  const read = { ...NOTHING, ...fieldsOf(type, { ...payload, [AO_KEPT]: {} }) };
  const fields = Object.fromEntries(
    AO_FIELDS.flatMap((name) => (isSame(read[name], event[name] ?? null) ? [] : [[name, event[name] ?? null] as const])),
  );
  const { event_type: eventType, session_id: _, session_name: sessionName, timestamp, ...rest } = event;
  const other = Object.fromEntries(Object.entries(rest).filter(([name]) => !AO_FIELDS.some((each) => each === name)));
  const occurredAt = timeOf(timestamp);
  return {
    type,
    ...(occurredAt === undefined ? {} : { occurredAt }),
    payload: {
      ...payload,
      [AO_KEPT]: {
        timestamp,
        sessionName,
        ...(type === OTHER ? { eventType } : {}),
        ...(isQuiet ? { isQuiet } : {}),
        ...(Object.keys(fields).length > 0 ? { fields } : {}),
        ...(Object.keys(other).length > 0 ? { other } : {}),
      },
    },
  };
}

/** What an event of a log is to their clients. */
export interface ToldEvent {
  readonly eventType: string;
  readonly timestamp: string;
  /** As its sender called the session; absent where it was not theirs. */
  readonly sessionName?: string;
  readonly isQuiet: boolean;
  readonly fields: AoFields;
}

/** An event of a log, with its payload as a value. */
export interface LoggedEvent {
  readonly type: string;
  readonly occurredAt: string;
  readonly payload: JsonObject;
}

export const loggedEvent = ({ type, occurredAt, payload }: Pick<StoredEvent, 'type' | 'occurredAt' | 'payload'>): LoggedEvent => ({
  type,
  occurredAt,
  payload: payload === null ? {} : parseObject(payload),
});

/** An event of a log as theirs, whoever wrote it; undefined where they have no such event. */
export function toldEvent({ type, occurredAt, payload: value }: LoggedEvent): ToldEvent | undefined {
  if (!AO_TYPES.includes(type)) return undefined;
  const own = keptOf(value[AO_KEPT]);
  if (!own && (type === OTHER || (type === 'tool_update' && value.status !== 'completed' && value.status !== 'failed'))) return undefined;
  return {
    eventType: own?.eventType ?? EVENT_TYPES.get(type) ?? type,
    timestamp: own?.timestamp ?? pythonTime(occurredAt),
    ...(own?.sessionName === undefined ? {} : { sessionName: own.sessionName }),
    isQuiet: own?.isQuiet === true,
    fields: { ...NOTHING, ...fieldsOf(type, value), ...own?.fields },
  };
}

const EVENT_TYPES = new Map([...Object.entries(TYPES).map(([theirs, ours]) => [ours, theirs] as const), ['input', 'message']]);

const NOTHING: AoFields = {
  tool_name: null,
  tool_input: null,
  tool_output: null,
  error: null,
  exit_code: null,
  reason: null,
  role: null,
  content: null,
};

function keptOf(value: unknown): Kept | undefined {
  const result = kept.safeParse(value);
  return result.success ? result.data : undefined;
}

function payloadOf(type: string, event: AoEvent): Record<string, unknown> {
  const { tool_name: title, tool_input: rawInput, tool_output: rawOutput } = event;
  const input = rawInput === undefined || rawInput === null ? {} : { rawInput };
  if (type === 'message') {
    const role = event.role !== undefined && event.role !== null && ROLES.includes(event.role) ? event.role : 'system';
    return { role, content: blocksOf(event.content) };
  }
  if (type === 'tool_call')
    return {
      toolCallId: toolCallId(event),
      title: title ?? 'tool',
      kind: 'other',
      status: 'in_progress',
      ...input,
      locations: [],
      content: [],
    };
  if (type === 'tool_update') {
    const output = rawOutput === undefined || rawOutput === null ? {} : { rawOutput };
    return { toolCallId: toolCallId(event), title: title ?? 'tool', status: event.error ? 'failed' : 'completed', ...input, ...output };
  }
  const { reason, exit_code: exitCode } = event;
  return { ...(typeof reason === 'string' ? { reason } : {}), ...(typeof exitCode === 'number' ? { exitCode } : {}) };
}

/** They name no calls: the same tool with the same input is the same call, before it and behind it. */
const toolCallId = ({ session_id: id, tool_name: name = null, tool_input: input = null }: AoEvent): string =>
  `ao-${createHash('sha256')
    .update(canonicalize({ id, name, input }) ?? '')
    .digest('hex')
    .slice(0, 24)}`;

/** What of their content is content of ours. */
function blocksOf(content: unknown): unknown[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter((each) => contentBlock.safeParse(each).success);
}

/** What a payload says in their words. */
function fieldsOf(type: string, payload: Readonly<Record<string, unknown>>): Partial<Record<AoField, unknown>> {
  if (type === 'message') return { role: payload.role ?? null, content: payload.content ?? null };
  if (type === 'input') return { role: 'user', content: payload.content ?? null };
  if (type === 'session_start' || type === 'session_stop') {
    const { reason, exitCode } = payload;
    return { reason: typeof reason === 'string' ? reason : null, exit_code: typeof exitCode === 'number' ? exitCode : null };
  }
  if (type !== 'tool_call' && type !== 'tool_update') return {};
  const call = { tool_name: payload.title ?? null, tool_input: isJsonObject(payload.rawInput) ? payload.rawInput : null };
  if (type === 'tool_call') return call;
  // What an agent of ours shows of a call, where it gives no raw output.
  const shown = Array.isArray(payload.content) && payload.content.length > 0 ? payload.content : null;
  const error = payload.status === 'failed' && !(AO_KEPT in payload) ? 'failed' : null;
  return { ...call, tool_output: payload.rawOutput ?? shown, error };
}

const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
