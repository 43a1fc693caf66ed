import { InvalidInputError } from '../core/errors/domain.error.js';

/** Where a reader stands: `<epoch>.<seq>`; `epoch` is null for the bare `0`, the beginning of whatever there is. */
export interface Cursor {
  readonly epoch: string | null;
  readonly seq: number;
}

export const BEGINNING: Cursor = { epoch: null, seq: 0 };

/** @throws InvalidInputError with the name of the field that held it. */
export function parseCursor(text: string, field = 'after'): Cursor {
  if (text === '0') return BEGINNING;
  const match = /^([0-9a-f]{8})\.(0|[1-9]\d{0,14})$/.exec(text);
  if (!match?.[1] || !match[2])
    throw new InvalidInputError(`${field}: ${JSON.stringify(text.slice(0, 64))} is not a cursor`, {
      remedy: 'Give back a cursor as this server wrote it, or 0 for the beginning.',
      issues: [{ path: field, message: 'expected <epoch>.<number> or 0' }],
    });
  return { epoch: match[1], seq: Number(match[2]) };
}

export const formatCursor = (epoch: string, seq: number): string => `${epoch}.${seq}`;
