import { InvalidInputError } from '../errors/domain.error.js';

/** One page of a list; `nextCursor` is null on the last one. */
export interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
  readonly total?: number;
}

/** The place behind one row of a sorted list: its sort value and its id. Opaque to callers. */
export interface PageKey {
  readonly value: string;
  readonly id: string;
}

export const encodePageKey = (sort: string, { value, id }: PageKey): string =>
  Buffer.from(JSON.stringify([sort, value, id])).toString('base64url');

/** @throws InvalidInputError where the cursor is not ours, or of another order */
export function decodePageKey(sort: string, cursor: string): PageKey {
  const parts = parse(cursor);
  if (Array.isArray(parts) && parts.length === 3 && parts.every((each) => typeof each === 'string') && parts[0] === sort)
    return { value: String(parts[1]), id: String(parts[2]) };
  throw new InvalidInputError('cursor: is not a cursor of this list in this order.', {
    remedy: 'Give back nextCursor as it came, with the same sort; or leave it out to begin.',
    issues: [{ path: 'cursor', message: 'not a cursor of this list' }],
  });
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** A page out of `limit + 1` rows. */
export function pageOf<T>(rows: readonly T[], limit: number, sort: string, keyOf: (row: T) => PageKey): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last ? encodePageKey(sort, keyOf(last)) : null };
}
