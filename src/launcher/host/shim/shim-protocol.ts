import type { McpServer } from '@agentclientprotocol/sdk';
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { AgentGoneError, AgentRequestError, type SpoolRecord } from '../agent-host.types.js';

/**
 * What a server and the shim of an agent say to each other over the shim's socket: one JSON text a line. A server of a later version must
 * still speak the version of the shims that it may find at its start.
 */
export const SHIM_VERSION = 1;
/** A prompt may have 8 MiB, a batch of records holds one record of any size. */
export const MAX_LINE_BYTES = 256 * 1024 * 1024;

const identity = z.object({ pid: z.number(), startedAt: z.number() });
const turn = z.number().int();
const text = z.string();
/** As whoever opens the conversation has checked it. */
const mcpServer = z.custom<McpServer>((value) => typeof value === 'object' && value !== null);
const conversation = z.object({ cwd: text, mcpServers: z.array(mcpServer) });

/** What a shim is told on its stdin, once. Nothing of it stands on a command line. */
export const shimOrders = z.object({
  version: z.literal(SHIM_VERSION),
  sessionId: text,
  directory: text,
  socket: text,
  /** Who does not know it is not listened to. */
  token: text,
  program: text,
  args: z.array(text),
  cwd: text,
  env: z.record(text, text),
  stopGraceMs: z.number(),
  /** How long it waits for its spool to be taken once the agent has ended. */
  lingerMs: z.number(),
});
export type ShimOrders = z.infer<typeof shimOrders>;

/** What it answers to that, on descriptor 3. */
export const shimStart = z.union([z.object({ process: identity }), z.object({ code: text })]);

/** What a server asks for. */
export const commands = {
  initialize: z.object({}),
  newConversation: conversation,
  resumeConversation: z.object({ sessionId: text, how: z.enum(['resume', 'load']), request: conversation }),
  setMode: z.object({ modeId: text }),
  setConfigOption: z.object({ configId: text, value: text }),
  prompt: z.object({ turn, content: z.array(z.looseObject({ type: text })) }),
  cancel: z.object({}),
  decide: z.object({ requestId: text, optionId: text.nullable() }),
  stop: z.object({}),
} as const;
export type CommandName = keyof typeof commands;
export type CommandParams<N extends CommandName> = z.input<(typeof commands)[N]>;

export const isCommand = (name: string): name is CommandName => Object.hasOwn(commands, name);

/** What a server says. */
export const fromServer = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), version: z.number(), token: text }),
  /** Begins to get the records behind `after`. */
  z.object({ type: z.literal('read'), after: z.number().int().min(0) }),
  /** Has taken what stands up to `n`, and will never ask for what stands before `keepFrom`. */
  z.object({ type: z.literal('ack'), n: z.number().int(), keepFrom: z.number().int() }),
  z.object({ type: z.literal('request'), id: z.number().int(), name: text, params: z.unknown() }),
]);
export type FromServer = z.infer<typeof fromServer>;

const failure = z.object({
  kind: z.enum(['refused', 'gone', 'fault']),
  message: text,
  method: text.optional(),
  code: z.number().optional(),
  data: z.unknown().optional(),
});
type Failure = z.infer<typeof failure>;

/** Written by a shim of ours; what agents put into it is looked at by whoever reads it. */
const isRecord = (value: unknown): value is SpoolRecord =>
  typeof value === 'object' && value !== null && 'n' in value && typeof value.n === 'number' && 'kind' in value;
const record = z.custom<SpoolRecord>(isRecord);

/** One line of a spool; null where it is none. */
export function recordOf(line: string): SpoolRecord | null {
  try {
    return record.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

const welcome = z.object({
  type: z.literal('welcome'),
  version: z.number(),
  sessionId: text,
  process: identity,
  /** The first record that is still there, and the last one. */
  first: z.number(),
  last: z.number(),
  lastTurn: turn,
  /** The agent has ended, and its end is in the spool. */
  isOver: z.boolean(),
});
export type Welcome = z.infer<typeof welcome>;

/** What a shim says. */
export const fromShim = z.discriminatedUnion('type', [
  welcome,
  z.object({ type: z.literal('refused'), reason: text }),
  z.object({ type: z.literal('records'), records: z.array(record) }),
  z.object({ type: z.literal('reply'), id: z.number().int(), result: z.unknown().optional(), failure: failure.optional() }),
]);
export type FromShim = z.infer<typeof fromShim>;

export function failureOf(error: unknown): Failure {
  if (error instanceof AgentRequestError) {
    const { method, code, message, data } = error;
    return { kind: 'refused', method, code, message, data };
  }
  return { kind: error instanceof AgentGoneError ? 'gone' : 'fault', message: error instanceof Error ? error.message : String(error) };
}

export function errorOf({ kind, message, method = '', code = 0, data }: Failure): Error {
  if (kind === 'refused') return new AgentRequestError(method, code, message, data);
  return kind === 'gone' ? new AgentGoneError(message) : new Error(message);
}

/** Compared so that the time it takes tells nothing. */
export function isSame(one: string, other: string): boolean {
  const digest = (each: string) => createHash('sha256').update(each).digest();
  return timingSafeEqual(digest(one), digest(other));
}
