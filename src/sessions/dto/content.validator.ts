import { registerDecorator } from 'class-validator';
import { contentBlock, type ContentBlock } from '../../events/event-payloads.types.js';
import { z } from 'zod';

const blocks = z.array(contentBlock).min(1).max(100);
const MAX_TEXT = 4 * 1024 * 1024;

/** Text (1 to 4 Mi characters, no NUL), or 1 to 100 content blocks of the Agent Client Protocol. */
export function IsContent(): PropertyDecorator {
  return (target, property) =>
    registerDecorator({
      name: 'isContent',
      target: target.constructor,
      propertyName: String(property),
      options: {
        message: `${String(property)} must be a non-empty text without NUL, or 1 to 100 content blocks {type: text | image | audio | resource_link | resource}`,
      },
      validator: { validate: (value: unknown) => parseContent(value) !== undefined },
    });
}

/** What {@link IsContent} takes, for the API document. */
export const CONTENT_SCHEMA = {
  oneOf: [
    { type: 'string', minLength: 1 },
    {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      items: {
        type: 'object',
        additionalProperties: true,
        required: ['type'],
        properties: { type: { type: 'string', enum: ['text', 'image', 'audio', 'resource_link', 'resource'] } },
      },
    },
  ],
};

/** Content blocks out of what a caller gave; undefined where it is not content. */
export function parseContent(value: unknown): ContentBlock[] | undefined {
  if (typeof value === 'string')
    return value.trim() !== '' && value.length <= MAX_TEXT && !value.includes('\u0000') && value.isWellFormed()
      ? [{ type: 'text', text: value }]
      : undefined;
  const result = blocks.safeParse(value);
  return result.success ? result.data : undefined;
}

/** Content blocks out of the text they were stored as. */
export const storedContent = (text: string): ContentBlock[] => blocks.parse(JSON.parse(text));

/** Characters of text in it. */
export const textLength = (content: readonly ContentBlock[]): number =>
  content.reduce((length, block) => length + (block.type === 'text' ? block.text.length : 0), 0);
