import { bytesDigest, contentDigest, rawItems } from '../history/digest.js';
import type { SeenEvent } from '../history/operation.types.js';

interface WireEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly payload: { readonly to?: string } | null;
}

/** What the history keeps of the events in the array `name` of this JSON text. */
export const seenIn = (text: string, name: string): SeenEvent[] =>
  rawItems(text, name).map((raw) => {
    const { seq, id, type, payload }: WireEvent = JSON.parse(raw);
    const to = type === 'status' ? payload?.to : undefined;
    return { seq, id, type, bytes: bytesDigest(raw), content: contentDigest(type, payload), ...(to === undefined ? {} : { to }) };
  });

export function parseCursor(cursor: string): { epoch: string; seq: number } {
  const [epoch = '', seq = ''] = cursor.split('.');
  return { epoch, seq: Number(seq) };
}
