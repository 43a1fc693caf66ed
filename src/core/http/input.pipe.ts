import { type ArgumentMetadata, Injectable, type PipeTransform, type Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate, type ValidationError } from 'class-validator';
import { InvalidInputError, type InputIssue } from '../errors/domain.error.js';

/**
 * Checks bodies and queries against their request class; unknown fields are refused, so that a misspelt one is not lost silently.
 * @throws InvalidInputError with every wrong place
 */
@Injectable()
export class InputPipe implements PipeTransform {
  async transform(value: unknown, { metatype, type }: ArgumentMetadata): Promise<unknown> {
    if (!metatype || type === 'custom' || BUILT_IN.some((each) => each === metatype)) return value;
    return checkInput(metatype, type === 'body' ? value : (value ?? {}));
  }
}

const BUILT_IN = [String, Number, Boolean, Array, Object];

/** The same check for a frame of a WebSocket. @throws InvalidInputError */
export async function checkInput<T extends object>(form: Type<T>, value: unknown): Promise<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidInputError('A JSON object is expected here.', { issues: [{ path: '', message: 'must be an object' }] });
  const instance = instanceOf(form, value);
  const errors = await validate(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: true,
  });
  if (errors.length === 0) return instance;
  const issues = issuesOf(errors).slice(0, 20);
  throw new InvalidInputError(`Wrong input: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`, { issues });
}

/**
 * Only the fields themselves are converted; what lies deeper is kept as it came. class-transformer would lose keys like `toString`
 * out of free JSON, and break on `constructor`.
 */
function instanceOf<T extends object>(form: Type<T>, value: object): T {
  const fields = Object.entries(value);
  const issues = fields.flatMap(([path]) => (path in Object.prototype ? [{ path, message: `property ${path} should not exist` }] : []));
  if (issues.length > 0)
    throw new InvalidInputError(`Wrong input: ${issues.map(({ path }) => path).join(', ')} should not exist`, { issues });
  const [flat, deep] = [false, true].map((wanted) => Object.fromEntries(fields.filter(([, each]) => isDeep(each) === wanted)));
  return Object.assign(plainToInstance(form, flat ?? {}, { exposeDefaultValues: true }), deep);
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isDeep = (value: unknown): boolean => (Array.isArray(value) ? value.some(isObject) : isObject(value));

function issuesOf(errors: readonly ValidationError[], parent = ''): InputIssue[] {
  return errors.flatMap((error) => {
    const path =
      parent === '' ? error.property : /^\d+$/.test(error.property) ? `${parent}[${error.property}]` : `${parent}.${error.property}`;
    const own = Object.values(error.constraints ?? {}).map((message) => ({ path, message }));
    return [...own, ...issuesOf(error.children ?? [], path)];
  });
}
