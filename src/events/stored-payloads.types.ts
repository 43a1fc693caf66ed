import { z } from 'zod';
import { contentBlock, PAYLOADS } from './event-payloads.types.js';

/** Stands in an event where content is kept beside it: a text, or a list or an object as JSON. */
export const blobRef = z
  .strictObject({
    blob: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('SHA-256 of the bytes.'),
    size: z.number().int().min(0).describe('Bytes.'),
    mimeType: z.string(),
  })
  .describe('Content that is too large for an event. GET /api/sessions/:id/blobs/:sha256 gives it; where it was base64, it is decoded.');
export type BlobRef = Readonly<z.infer<typeof blobRef>>;

const made = new Map<unknown, z.ZodType>();

/** The payload of every type as readers get it: as it was checked, but where a text or a list may stand, a {@link blobRef} may stand too. */
export const STORED_PAYLOADS: Readonly<Record<string, z.ZodType>> = Object.fromEntries(
  Object.entries(PAYLOADS).map(([type, schema]) => [type, fieldsOf(schema)]),
);

function fieldsOf(schema: z.ZodObject): z.ZodType {
  return z.looseObject(Object.fromEntries(Object.entries(schema.shape).map(([key, each]) => [key, spillable(each)])));
}

/** A content block as readers get it. */
export const storedContentBlock = spillable(contentBlock);

/** The same for the same schema: a document describes it once. */
function spillable(schema: unknown): z.ZodType {
  const known = made.get(schema);
  if (known) return known;
  const readable = readableOf(schema);
  made.set(schema, readable);
  return readable;
}

function readableOf(schema: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional) return spillable(schema.unwrap()).optional();
  if (schema instanceof z.ZodNullable) return spillable(schema.unwrap()).nullable();
  if (schema instanceof z.ZodObject) return fieldsOf(schema);
  if (schema instanceof z.ZodArray) return z.union([z.array(spillable(schema.element)), blobRef]);
  if (schema instanceof z.ZodUnion) return z.union(schema.options.map(spillable));
  if (schema instanceof z.ZodString || schema instanceof z.ZodRecord) return z.union([schema, blobRef]);
  return schema instanceof z.ZodType ? schema : z.unknown();
}
