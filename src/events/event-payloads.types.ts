import { z } from 'zod';
import { INPUT_STATES, SESSION_STATUSES, TURN_STATES } from '../sessions/session.types.js';

/** The payload of every event type Muster knows: the one source of validation, OpenAPI and AsyncAPI. Other types are opaque objects. */

const annotations = z.record(z.string(), z.unknown()).nullish();
const textBlock = z.looseObject({ type: z.literal('text'), text: z.string(), annotations });
const imageBlock = z.looseObject({
  type: z.literal('image'),
  data: z.string(),
  mimeType: z.string(),
  uri: z.string().nullish(),
  annotations,
});
const audioBlock = z.looseObject({ type: z.literal('audio'), data: z.string(), mimeType: z.string(), annotations });
const linkBlock = z.looseObject({
  type: z.literal('resource_link'),
  uri: z.string(),
  name: z.string(),
  mimeType: z.string().nullish(),
  title: z.string().nullish(),
  description: z.string().nullish(),
  size: z.number().nullish(),
  annotations,
});
const resourceBlock = z.looseObject({
  type: z.literal('resource'),
  resource: z.looseObject({ uri: z.string(), mimeType: z.string().nullish(), text: z.string().optional(), blob: z.string().optional() }),
  annotations,
});

/** Content blocks follow the Agent Client Protocol. */
export const contentBlock = z.discriminatedUnion('type', [textBlock, imageBlock, audioBlock, linkBlock, resourceBlock]);
export type ContentBlock = z.infer<typeof contentBlock>;
const content = z.array(contentBlock);

const location = z.looseObject({ path: z.string(), line: z.number().int().nullish() });
/** What a tool shows: content, a diff, or a terminal. */
const toolContent = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('content'), content: contentBlock }),
  z.looseObject({ type: z.literal('diff'), path: z.string(), oldText: z.string().nullish(), newText: z.string() }),
  z.looseObject({ type: z.literal('terminal'), terminalId: z.string() }),
]);
const TOOL_STATUSES = ['pending', 'in_progress', 'completed', 'failed'] as const;
/** Far above any real count, and far below what a sum of many could not hold. */
const whole = z.number().int().min(0).max(1_000_000_000_000);

export const PAYLOADS = {
  message: z.looseObject({
    role: z.enum(['user', 'assistant', 'system']),
    content,
    blockId: z.string().optional(),
    truncated: z.boolean().optional(),
  }),
  thought: z.looseObject({ content, blockId: z.string().optional(), truncated: z.boolean().optional() }),
  tool_call: z.looseObject({
    toolCallId: z.string(),
    title: z.string(),
    kind: z.string(),
    status: z.enum(TOOL_STATUSES),
    rawInput: z.unknown().optional(),
    rawOutput: z.unknown().optional(),
    locations: z.array(location),
    content: z.array(toolContent),
  }),
  tool_update: z.looseObject({
    toolCallId: z.string(),
    title: z.string().optional(),
    kind: z.string().optional(),
    status: z.enum(TOOL_STATUSES).optional(),
    rawInput: z.unknown().optional(),
    rawOutput: z.unknown().optional(),
    locations: z.array(location).optional(),
    content: z.array(toolContent).optional(),
  }),
  plan: z.looseObject({ entries: z.array(z.looseObject({ content: z.string(), status: z.string(), priority: z.string().optional() })) }),
  log: z.looseObject({ level: z.enum(['debug', 'info', 'warn', 'error']), text: z.string(), stream: z.string().optional() }),
  input: z.looseObject({ inputId: z.string(), content, state: z.enum(INPUT_STATES).optional() }),
  /** What an agent was told of the conversation before, ahead of the prompt of this turn: nobody's words. */
  agent_context: z.looseObject({ content }),
  status: z.looseObject({
    from: z.enum(SESSION_STATUSES).nullable(),
    to: z.enum(SESSION_STATUSES),
    reason: z.string().optional(),
    exitCode: z.number().int().optional(),
    exitSignal: z.string().optional(),
  }),
  turn: z.looseObject({ state: z.enum(TURN_STATES), stopReason: z.string().optional(), error: z.string().optional() }),
  approval: z.looseObject({
    approvalId: z.string(),
    state: z.enum(['pending', 'decided', 'expired', 'cancelled']),
    toolCallId: z.string().optional(),
    title: z.string().optional(),
    kind: z.string().optional(),
    toolCall: z.unknown().optional(),
    options: z.array(z.looseObject({ optionId: z.string(), name: z.string(), kind: z.string() })).optional(),
    expiresAt: z.string().optional(),
    optionId: z.string().optional(),
    by: z.string().optional(),
    reason: z.string().optional(),
  }),
  file_change: z.looseObject({
    path: z.string(),
    change: z.enum(['added', 'modified', 'deleted', 'renamed']),
    oldPath: z.string().optional(),
    additions: z.number().int().optional(),
    deletions: z.number().int().optional(),
    binary: z.boolean().optional(),
    diff: z.string().optional(),
  }),
  /** Increments, never totals. */
  usage: z.looseObject({
    input: whole.optional(),
    output: whole.optional(),
    cacheRead: whole.optional(),
    cacheWrite: whole.optional(),
    costUsd: z.number().min(0).max(1_000_000_000).optional(),
    model: z.string().optional(),
  }),
} as const;

export type KnownEventType = keyof typeof PAYLOADS;
export type EventPayload<T extends KnownEventType> = z.infer<(typeof PAYLOADS)[T]>;

/** Written by Muster only. */
export const RESERVED_TYPES = ['status', 'turn', 'approval', 'input', 'agent_context'] as const satisfies readonly KnownEventType[];

export const isKnownType = (type: string): type is KnownEventType => Object.hasOwn(PAYLOADS, type);
