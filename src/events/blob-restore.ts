import { isJsonObject, type JsonObject } from '../core/json.js';
import { type BlobRef, blobRef } from './stored-payloads.types.js';

/** The bytes of a blob by its hash; undefined where they are gone. */
export type BlobContents = (sha256: string) => Buffer | undefined;

/** Every reference that stands in a payload of the log. */
export function refsIn(value: unknown): BlobRef[] {
  if (isRef(value)) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(refsIn);
}

/** A payload as it was before what is large was taken out of it; a reference whose content is gone stays one. */
export function restored(payload: JsonObject, contents: BlobContents): JsonObject {
  const fields = Object.entries(payload).flatMap(([key, value]): [string, unknown][] => {
    const bytes = isRef(value) && value.mimeType === 'application/json' ? contents(value.blob) : undefined;
    if (bytes === undefined) return [[key, withTexts(value, payload, key, contents)]];
    // A field as a whole; under `rest`, every field that has no place of its own.
    const whole: unknown = JSON.parse(bytes.toString());
    return key === 'rest' && isJsonObject(whole) ? Object.entries(whole) : [[key, whole]];
  });
  return Object.fromEntries(fields);
}

/** `holder` is the object a text is a field of. */
function withTexts(value: unknown, holder: JsonObject, key: string, contents: BlobContents): unknown {
  if (isRef(value)) {
    const bytes = contents(value.blob);
    if (bytes === undefined) return value;
    return bytes.toString(isBase64(value, holder, key) ? 'base64' : 'utf8');
  }
  if (Array.isArray(value)) return value.map((each) => withTexts(each, {}, '', contents));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withTexts(each, value, name, contents)]));
}

/** Pictures, sounds and resources were decoded, where they were base64; what was none is plain text. */
function isBase64({ mimeType }: BlobRef, holder: JsonObject, key: string): boolean {
  if (mimeType === 'text/plain') return false;
  const isMedia = key === 'data' && (holder['type'] === 'image' || holder['type'] === 'audio');
  return isMedia || (key === 'blob' && typeof holder['uri'] === 'string');
}

const isRef = (value: unknown): value is BlobRef => isJsonObject(value) && 'blob' in value && blobRef.safeParse(value).success;
