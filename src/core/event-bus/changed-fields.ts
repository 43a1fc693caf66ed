import type { ChangedFields } from './changed-fields.types.js';

/** JSON of a value that is told in full, in UTF-8. */
const MAX_BYTES = 4 * 1024;

/** These fields of a row, for a domain event: what is large is told by its size only. */
export function changedFields(row: Readonly<Record<string, unknown>>, names: readonly string[]): ChangedFields {
  return Object.fromEntries(names.map((name) => [name, bounded(row[name])]));
}

function bounded(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  const omittedBytes = Buffer.byteLength(JSON.stringify(value));
  return omittedBytes > MAX_BYTES ? { omittedBytes } : value;
}
