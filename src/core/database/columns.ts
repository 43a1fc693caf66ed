import { DefaultNamingStrategy, type ValueTransformer } from 'typeorm';

/** `bigint` comes as a string from PostgreSQL. What we count stays far below 2^53. */
export const wholeNumber: ValueTransformer = {
  from: (value: unknown) => (value === null || value === undefined ? value : Number(value)),
  to: (value: unknown) => value,
};

/** JSON is kept as text on both databases: `jsonb` refuses `\u0000`. */
export const jsonText: ValueTransformer = {
  from: (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : value),
  to: (value: unknown) => (value === undefined ? undefined : JSON.stringify(value)),
};

/** `lastMessagePreview` is the column `last_message_preview`. */
export class SnakeCase extends DefaultNamingStrategy {
  override columnName(property: string, custom: string | undefined): string {
    return custom ?? snakeCase(property);
  }
}

export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
