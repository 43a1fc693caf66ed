import { Injectable } from '@nestjs/common';
import { BlobsStore } from './persistence/blobs.store.js';
import { blobRef } from './stored-payloads.types.js';

type JsonObject = Readonly<Record<string, unknown>>;

/** Makes payloads whole again, for those whose readers know of no blobs. */
@Injectable()
export class WholePayloads {
  constructor(private readonly store: BlobsStore) {}

  /** The payload of an event as it came, but what is larger than `maxBytes`: that stays beside it. What is gone meanwhile stays a reference. */
  async of(sessionId: string, payload: string, maxBytes: number): Promise<string> {
    if (!payload.includes('"blob":"')) return payload;
    const value: unknown = JSON.parse(payload);
    const contents = new Map<string, Buffer>();
    for (const { blob, size } of refsIn(value)) {
      if (size > maxBytes || contents.has(blob)) continue;
      // Only what the session itself holds: a payload may name any hash.
      const facts = await this.store.find(sessionId, blob);
      const bytes = facts && facts.size <= maxBytes ? await this.store.piece(blob, 0, facts.size) : undefined;
      if (bytes) contents.set(blob, bytes);
    }
    return JSON.stringify(contents.size === 0 ? value : isObject(value) ? wholeObject(value, contents) : value);
  }
}

function wholeObject(payload: JsonObject, contents: ReadonlyMap<string, Buffer>): JsonObject {
  const { rest, ...fields } = restored(payload, contents);
  // Fields of no name that is known went together.
  const isTogether = blobRef.safeParse(payload['rest']).success && isObject(rest) && !Array.isArray(rest);
  return isTogether ? { ...fields, ...rest } : rest === undefined ? fields : { ...fields, rest };
}

/** The opposite of spilling, place by place. */
function restored(value: JsonObject, contents: ReadonlyMap<string, Buffer>): JsonObject {
  const copy = (each: unknown, holder: JsonObject, key: string): unknown => {
    if (Array.isArray(each)) return each.map((item) => copy(item, {}, ''));
    if (!isObject(each)) return each;
    const ref = blobRef.safeParse(each).data;
    const bytes = ref && contents.get(ref.blob);
    return bytes ? contentIn(bytes, ref.mimeType, holder, key) : restored(each, contents);
  };
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each, value, key)]));
}

function contentIn(bytes: Buffer, mimeType: string, holder: JsonObject, key: string): unknown {
  const isResource = typeof holder['uri'] === 'string';
  const isMedia = key === 'data' && (holder['type'] === 'image' || holder['type'] === 'audio');
  if ((isMedia || (isResource && key === 'blob')) && mimeType !== 'text/plain') return bytes.toString('base64');
  if (mimeType === 'application/json' && !(isResource && key === 'text')) return JSON.parse(bytes.toString());
  return bytes.toString();
}

function* refsIn(value: unknown): Generator<{ blob: string; size: number }> {
  if (typeof value !== 'object' || value === null) return;
  const ref = blobRef.safeParse(value).data;
  if (ref) yield ref;
  else for (const each of Object.values(value)) yield* refsIn(each);
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null;
