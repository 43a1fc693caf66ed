import { z } from 'zod';
import type { Principal } from '../../auth/principal.types.js';
import { InvalidInputError } from '../../core/errors/domain.error.js';
import { checkInput } from '../../core/http/input.pipe.js';
import type { FrameId } from '../../core/websocket/websocket.errors.js';
import type { OutFrame } from '../out-frame.js';
import type { CommandSpec } from './command-specs.js';
import type { AppendQueue } from './append-queue.js';
import type { Subscriptions } from './subscriptions.js';

/** What a connection has once it is known whose it is. */
export interface ConnectionContext {
  readonly subscriptions: Subscriptions;
  readonly appends: AppendQueue;
}

/** What a command may use of its connection. */
export interface CommandContext extends ConnectionContext {
  readonly principal: Principal;
  readonly id?: FrameId;
}

/** What answers a request: `data` of a reply, or a frame in its place; then what follows it, begun in the same turn. */
export interface Answer {
  readonly data?: Record<string, unknown>;
  /** Of the same answer over HTTP, where it is not always the same. */
  readonly status?: number;
  readonly frame?: OutFrame;
  /** It is the answer to an earlier request with the same idempotency key. */
  readonly isReplayed?: boolean;
  readonly afterwards?: () => void | Promise<void>;
}

/** A type of frame with what carries it out. */
export interface Command {
  readonly spec: CommandSpec;
  /** Checks the fields. @throws InvalidInputError */
  prepare(
    fields: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly sessionId: string | undefined; run(context: CommandContext): Promise<Answer> }>;
}

/** Binds a handler to the form of its frame; its parameters are checked by the compiler against it. */
export function command<F extends z.ZodType>(
  spec: CommandSpec<F>,
  handle: (context: CommandContext, fields: z.infer<F>) => Promise<Answer>,
): Command {
  return {
    spec,
    prepare: (given) => {
      const fields = checkFields(spec.fields, given);
      return Promise.resolve({ sessionId: sessionIdOf(given), run: (context) => handle(context, fields) });
    },
  };
}

/** As {@link command}, for one with a request class. */
export function formCommand<S extends z.core.$ZodShape, B extends object>(
  spec: CommandSpec<z.ZodObject<S, z.core.$strict>, B>,
  handle: (context: CommandContext, fields: z.infer<z.ZodObject<S, z.core.$strict>>, body: B) => Promise<Answer>,
): Command {
  const { form, fields: schema } = spec;
  if (!form) throw new Error(`The command ${spec.type} has no form.`);
  return {
    spec,
    prepare: async (given) => {
      const own = Object.entries(given).filter(([key]) => Object.hasOwn(schema.shape, key));
      const rest = Object.entries(given).filter(([key]) => !Object.hasOwn(schema.shape, key));
      const fields = checkFields(schema, Object.fromEntries(own));
      const body = await checkInput(form, Object.fromEntries(rest));
      return { sessionId: sessionIdOf(given), run: (context) => handle(context, fields, body) };
    },
  };
}

function checkFields<F extends z.ZodType>(schema: F, given: unknown): z.infer<F> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new InvalidInputError(`Wrong input: ${issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ')}`, {
    issues,
  });
}

const sessionIdOf = ({ sessionId }: Readonly<Record<string, unknown>>): string | undefined =>
  typeof sessionId === 'string' ? sessionId : undefined;
