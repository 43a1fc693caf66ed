import { createHash } from 'node:crypto';
import type { BlobRef } from './stored-payloads.types.js';

/** An event's payload has at most this many bytes of JSON; what is larger becomes a blob. */
export const MAX_PAYLOAD_BYTES = 64 * 1024;
/** A text below this is not worth a request of its own: it goes only together with what it stands in. */
const MIN_BLOB_BYTES = 1_024;
/** A reference is never longer: 64 of the hash, at most 128 of the type, and names. */
const MAX_REF_BYTES = 256;

/** Content on its way out of an event. */
export interface PreparedBlob extends BlobRef {
  readonly bytes: Buffer;
}

/** A payload that is small enough to be an event's, and what was taken out of it. */
export interface Spilled {
  readonly payload: string;
  readonly blobs: readonly PreparedBlob[];
}

type JsonObject = Readonly<Record<string, unknown>>;

interface Place {
  readonly index: number;
  /** Of the text in UTF-8. */
  readonly bytes: number;
  /** Of the text as JSON. */
  readonly jsonBytes: number;
}

const NONE: readonly PreparedBlob[] = [];

/**
 * Makes a payload of at most 64 KiB by putting `{blob, size, mimeType}` in the place of what is large: first of every text over 64 KiB;
 * where all of it is still too much, of the largest texts there are; then of the largest fields as a whole, as JSON; and at last of every
 * field that is not in `keys`, together, in the field `rest`. Base64 of pictures, sounds and resources is decoded. A text is kept as UTF-8,
 * in which half of a surrogate pair becomes U+FFFD. Pure, and nearly free where the payload is small: `json` is its JSON.
 */
export function spill(payload: JsonObject, json: string, keys: readonly string[]): Spilled {
  // One UTF-16 unit has at most three bytes of UTF-8.
  if (json.length * 3 <= MAX_PAYLOAD_BYTES) return { payload: json, blobs: NONE };
  const bytes = Buffer.byteLength(json);
  if (bytes <= MAX_PAYLOAD_BYTES) return { payload: json, blobs: NONE };
  const blobs = new Map<string, PreparedBlob>();
  const keep = (content: Omit<PreparedBlob, 'blob' | 'size'>): BlobRef => {
    const blob = createHash('sha256').update(content.bytes).digest('hex');
    const { mimeType } = blobs.get(blob) ?? content;
    const ref = { blob, size: content.bytes.length, mimeType };
    blobs.set(blob, { ...ref, bytes: content.bytes });
    return ref;
  };
  const small = withoutLargeFields(withoutLargeTexts(payload, bytes, keep), payload, keys, keep);
  const text = JSON.stringify(small);
  // What stood in a field that went as a whole is in that field's JSON already.
  return { payload: text, blobs: [...blobs.values()].filter(({ blob }) => text.includes(blob)) };
}

type Keep = (content: Pick<PreparedBlob, 'bytes' | 'mimeType'>) => BlobRef;

function withoutLargeTexts(payload: JsonObject, jsonBytes: number, keep: Keep): JsonObject {
  const places: Place[] = [];
  let index = 0;
  eachText(payload, (text) => {
    const bytes = Buffer.byteLength(text);
    if (bytes >= MIN_BLOB_BYTES) places.push({ index, bytes, jsonBytes: Buffer.byteLength(JSON.stringify(text)) });
    index += 1;
    return text;
  });
  const chosen = new Set<number>();
  let left = jsonBytes;
  for (const place of places.sort((a, b) => b.bytes - a.bytes)) {
    if (place.bytes <= MAX_PAYLOAD_BYTES && left <= MAX_PAYLOAD_BYTES) break;
    chosen.add(place.index);
    left -= place.jsonBytes - MAX_REF_BYTES;
  }
  index = 0;
  return eachText(payload, (text, holder, key) => (chosen.has(index++) ? keep(contentOf(text, holder, key)) : text));
}

function withoutLargeFields(payload: JsonObject, original: JsonObject, keys: readonly string[], keep: Keep): JsonObject {
  const fields = Object.entries(payload).map(([key, value]) => ({ key, value, bytes: jsonBytesOf(key) + jsonBytesOf(value) + 2 }));
  let left = fields.reduce((sum, { bytes }) => sum + bytes, 2);
  const whole = new Set<string>();
  for (const { key, bytes } of fields.toSorted((a, b) => b.bytes - a.bytes)) {
    if (left <= MAX_PAYLOAD_BYTES) break;
    if (jsonBytesOf(payload[key]) <= MAX_REF_BYTES) continue;
    whole.add(key);
    left -= bytes - jsonBytesOf(key) - MAX_REF_BYTES;
  }
  if (whole.size === 0 && left <= MAX_PAYLOAD_BYTES) return payload;
  const kept = left <= MAX_PAYLOAD_BYTES ? fields : fields.filter(({ key }) => keys.includes(key));
  const entries = kept.map(({ key, value }): [string, unknown] => [key, whole.has(key) ? keep(jsonContent(original[key])) : value]);
  if (kept === fields) return Object.fromEntries(entries);
  const rest = Object.entries(original).filter(([key]) => !keys.includes(key));
  return Object.fromEntries([...entries, ['rest', keep(jsonContent(Object.fromEntries(rest)))]]);
}

type Replace = (text: string, holder: JsonObject, key: string) => unknown;

/** A copy with each text replaced, in an order that is always the same. `holder` is the object a text is a field of. */
function eachText(value: JsonObject, replace: Replace): JsonObject {
  const copy = (each: unknown, holder: JsonObject, key: string): unknown => {
    if (typeof each === 'string') return replace(each, holder, key);
    if (Array.isArray(each)) return each.map((item) => copy(item, {}, ''));
    return isObject(each) ? eachText(each, replace) : each;
  };
  // Defines each field, also one of the name __proto__.
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each, value, key)]));
}

/** What a text is: the fields beside it say so, in content blocks of the Agent Client Protocol and of MCP. */
function contentOf(text: string, holder: JsonObject, key: string): Pick<PreparedBlob, 'bytes' | 'mimeType'> {
  const isMedia = key === 'data' && (holder['type'] === 'image' || holder['type'] === 'audio');
  const isResource = typeof holder['uri'] === 'string';
  if (isMedia || (isResource && key === 'blob')) {
    const bytes = Buffer.from(text, 'base64');
    // Only what is base64 in its one form: decoding skips what is none.
    // Decoded bytes are never plain text, so that the type says which of the two it is.
    const named = mimeTypeOf(holder['mimeType']) ?? 'text/plain';
    if (bytes.toString('base64') === text) return { bytes, mimeType: named === 'text/plain' ? 'application/octet-stream' : named };
  }
  const mimeType = isResource && key === 'text' ? mimeTypeOf(holder['mimeType']) : undefined;
  return { bytes: Buffer.from(text), mimeType: mimeType ?? 'text/plain' };
}

const jsonContent = (value: unknown) => ({ bytes: Buffer.from(JSON.stringify(value)), mimeType: 'application/json' });

/** Type and subtype (RFC 6838), in lower case, without parameters. */
function mimeTypeOf(value: unknown): string | undefined {
  const essence = typeof value === 'string' ? value.slice(0, 256).split(';', 1)[0]?.trim().toLowerCase() : undefined;
  return essence !== undefined && essence.length <= 128 && /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/.test(essence)
    ? essence
    : undefined;
}

/** What JSON leaves out has none. */
const jsonBytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null;
