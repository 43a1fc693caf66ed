import { Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { isJsonObject } from '../../core/json.js';
import { AoInputError, type AoIssue } from './ao.errors.js';

/** Text that any column can hold. */
const text = (max: number, min = 0) =>
  z
    .string()
    .min(min)
    .max(max)
    .refine((value) => !value.includes('\u0000') && value.isWellFormed(), 'String should be well-formed, without NUL');
/** Numbers as Pydantic takes them: `"0"` and `0.0` are whole numbers too. */
const integer = z.preprocess(
  (value) => (typeof value === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(value) ? Number(value) : value),
  z.number().int(),
);
/** Handed on as it is: a copy would lose keys like `__proto__`. */
const object = z.custom<Record<string, unknown>>(isJsonObject, {
  message: 'Input should be a valid dictionary',
  params: { type: 'dict_type' },
});

const sessionId = text(256, 1);
const sessionName = text(256);
const projectDir = text(4096);
const agentName = text(128);

export const sessionCreate = z.looseObject({
  session_id: sessionId,
  session_name: sessionName,
  project_dir: projectDir.nullish(),
  agent_name: agentName.nullish(),
});
export const sessionMetadata = z.looseObject({
  session_name: sessionName.nullish(),
  project_dir: projectDir.nullish(),
  agent_name: agentName.nullish(),
  last_resumed_at: text(64).nullish(),
});
export const eventBody = z.looseObject({
  event_type: text(128, 1),
  session_id: sessionId,
  session_name: sessionName,
  timestamp: text(64),
  tool_name: z.string().nullish(),
  tool_input: object.nullish(),
  tool_output: z.unknown().optional(),
  error: z.string().nullish(),
  exit_code: integer.nullish(),
  reason: z.string().nullish(),
  role: z.string().nullish(),
  content: z.union([z.string(), z.array(object)]).nullish(),
});
export type SessionCreate = z.infer<typeof sessionCreate>;
export type SessionMetadata = z.infer<typeof sessionMetadata>;
export type EventBody = z.infer<typeof eventBody>;

/** Checks a body as Pydantic does: fields that are not known are let through. @throws AoInputError */
@Injectable()
export class AoBody<T> implements PipeTransform<unknown, T> {
  constructor(private readonly form: z.ZodType<T>) {}

  transform(value: unknown): T {
    if (value === undefined) throw new AoInputError([{ loc: ['body'], msg: 'Field required', type: 'missing' }]);
    if (!isJsonObject(value))
      throw new AoInputError([{ loc: ['body'], msg: 'Input should be a valid dictionary or object', type: 'model_attributes_type' }]);
    const result = this.form.safeParse(value);
    if (result.success) return result.data;
    throw new AoInputError(result.error.issues.slice(0, 20).map((issue) => issueOf(issue, value)));
  }
}

/** How many events are asked for: 1 to 10,000; absent: 100. @throws AoInputError */
@Injectable()
export class AoLimit implements PipeTransform<unknown, number> {
  transform(value: unknown): number {
    if (value === undefined) return 100;
    const limit = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : 0;
    if (limit >= 1 && limit <= 10_000) return limit;
    throw new AoInputError([{ loc: ['query', 'limit'], msg: 'Input should be a valid integer from 1 to 10000', type: 'int_parsing' }]);
  }
}

const KINDS: Readonly<Record<string, readonly [string, string]>> = {
  string: ['Input should be a valid string', 'string_type'],
  number: ['Input should be a valid integer', 'int_type'],
  int: ['Input should be a valid integer', 'int_type'],
};

function issueOf(issue: z.core.$ZodIssue, body: Readonly<Record<string, unknown>>): AoIssue {
  const path = issue.path.map((each) => (typeof each === 'symbol' ? String(each) : each));
  const loc = ['body', ...path];
  if (path.length === 1 && !Object.hasOwn(body, String(path[0]))) return { loc, msg: 'Field required', type: 'missing' };
  if (issue.code === 'invalid_union') return { loc, msg: 'Input should be a valid list', type: 'list_type' };
  if (issue.code === 'custom') return { loc, msg: issue.message, type: issue.params?.type === 'dict_type' ? 'dict_type' : 'value_error' };
  if (issue.code === 'invalid_type') {
    const [msg, type] = KINDS[issue.expected] ?? [issue.message, 'value_error'];
    return { loc, msg, type };
  }
  if (issue.code === 'too_big') return { loc, msg: `String should have at most ${issue.maximum} characters`, type: 'string_too_long' };
  if (issue.code === 'too_small') return { loc, msg: `String should have at least ${issue.minimum} characters`, type: 'string_too_short' };
  return { loc, msg: issue.message, type: 'value_error' };
}
