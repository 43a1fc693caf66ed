import type { Type } from '@nestjs/common';
import { getMetadataStorage } from 'class-validator';

export type JsonSchema = Readonly<Record<string, unknown>>;

interface Rule {
  readonly propertyName: string;
  readonly type: string;
  readonly name?: string;
  readonly constraints?: readonly unknown[];
  readonly each?: boolean;
}

/** The JSON schema of a request class, out of the rules that check it: another description of the same form could differ from it. */
export function formSchema(form: Type): {
  readonly properties: Readonly<Record<string, JsonSchema>>;
  readonly required: readonly string[];
} {
  const rules: readonly Rule[] = getMetadataStorage().getTargetValidationMetadatas(form, '', false, false);
  const names = [...new Set(rules.map(({ propertyName }) => propertyName))].sort();
  const of = (name: string) => rules.filter(({ propertyName }) => propertyName === name);
  return {
    properties: Object.fromEntries(names.map((name) => [name, schemaOf(of(name))])),
    required: names.filter((name) => !of(name).some(({ type }) => type === 'conditionalValidation')),
  };
}

/** Outermost first: a rule for each item is one of an array. */
function schemaOf(rules: readonly Rule[]): JsonSchema {
  const own = rules.filter(({ each }) => !each);
  const items = rules.filter(({ each }) => each);
  return items.length === 0 ? joined(own) : { ...joined(own), items: joined(items) };
}

const joined = (rules: readonly Rule[]): JsonSchema => rules.reduce<JsonSchema>((schema, rule) => ({ ...schema, ...partOf(rule) }), {});

function partOf({ name, constraints = [] }: Rule): JsonSchema {
  const [first, second] = constraints;
  switch (name) {
    case 'isText':
      return { type: 'string', minLength: first, maxLength: second };
    case 'isIn':
      return { enum: first };
    case 'isBoolean':
      return { type: 'boolean' };
    case 'isInt':
      return { type: 'integer' };
    case 'min':
      return { minimum: first };
    case 'max':
      return { maximum: first };
    case 'isArray':
      return { type: 'array' };
    case 'isJsonObject':
      return { type: 'object' };
    case 'isWorktree': {
      const text = { type: 'string', minLength: 1, maxLength: first };
      return { type: 'object', properties: { branch: text, base: text }, additionalProperties: false };
    }
    case 'isContent':
      return {
        description: 'Text, or content blocks of the Agent Client Protocol.',
        oneOf: [
          { type: 'string', minLength: 1 },
          { type: 'array', items: { type: 'object' }, minItems: 1, maxItems: 100 },
        ],
      };
    default:
      return {};
  }
}
