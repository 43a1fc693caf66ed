import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, Max, Min, registerDecorator, ValidateIf, type ValidationOptions } from 'class-validator';
import { isPlainJson } from './json-body.js';

/** A string of `min` to `max` characters (UTF-16 code units) without NUL: PostgreSQL refuses it in text. */
export function IsText({ min = 0, max }: { min?: number; max: number }, options?: ValidationOptions): PropertyDecorator {
  return check(
    'isText',
    `must be a string of ${min} to ${max} characters without NUL`,
    options,
    (value) => typeof value === 'string' && value.length >= min && value.length <= max && !value.includes('\u0000') && value.isWellFormed(),
    [min, max],
  );
}

/** An object that is kept as it comes: JSON, not an array. */
export function IsJsonObject(options?: ValidationOptions): PropertyDecorator {
  return check(
    'isJsonObject',
    'must be a JSON object',
    options,
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainJson(value),
  );
}

/** Absent is not null: a field that may be missing may still not be `null`. */
export const Optional = (): PropertyDecorator => ValidateIf((_object: object, value: unknown) => value !== undefined);

/** May be missing, and may be null to clear it. */
export const Nullable = IsOptional;

/** A whole number in a query string. */
export function QueryInt(min: number, max: number): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : value)),
    IsInt(),
    Min(min),
    Max(max),
  );
}

/** `true` or `false` in a query string. */
export function QueryBoolean(): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    IsBoolean(),
  );
}

/** `a,b` or `…=a&…=b` in a query string, each one of `values`. */
export function QueryList(values?: readonly string[]): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      (Array.isArray(value) ? value : [value]).flatMap((each: unknown) =>
        typeof each === 'string' ? each.split(',').filter(Boolean) : [each],
      ),
    ),
    check(
      'queryList',
      values ? `must be a list of: ${values.join(', ')}` : 'must be a list of words',
      undefined,
      (value) =>
        Array.isArray(value) &&
        value.length <= 50 &&
        value.every(
          (each) => typeof each === 'string' && each.length <= 128 && !each.includes('\u0000') && (!values || values.includes(each)),
        ),
    ),
  );
}

function check(
  name: string,
  message: string,
  options: ValidationOptions | undefined,
  test: (value: unknown) => boolean,
  constraints: readonly number[] = [],
): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(property),
      options: { message, ...options },
      constraints: [...constraints],
      validator: { validate: test },
    });
}
