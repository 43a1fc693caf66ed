import canonicalize from 'canonicalize';
import { createHash } from 'node:crypto';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Of what an event says, however it is written. */
export const contentDigest = (type: string, payload: unknown): string => digest(canonicalize({ type, payload }) ?? '');

/** Of the bytes themselves. */
export const bytesDigest = digest;

/**
 * The items of the array `"<name>":[…]` of an object, each as the text it was sent as: what is parsed and printed again would hide
 * a difference. `text` is the JSON of an object that holds the array at its top.
 */
export function rawItems(text: string, name: string): string[] {
  const key = `"${name}":[`;
  const start = text.indexOf(key);
  if (start < 0) return [];
  const items: string[] = [];
  let depth = 0;
  let from = -1;
  for (let at = start + key.length; at < text.length; at++) {
    const sign = text[at];
    if (sign === '"') at = endOfString(text, at);
    else if (sign === '{' || sign === '[') {
      if (depth++ === 0) from = at;
    } else if (sign === '}' || sign === ']') {
      if (depth === 0) return items;
      if (--depth === 0) items.push(text.slice(from, at + 1));
    }
  }
  return items;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
