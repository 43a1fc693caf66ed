import { isPlainJson, NOT_PLAIN } from '../http/json-body.js';
import { FrameError, type FrameId } from './websocket.errors.js';

/** Largest frame that is taken off the wire: batches of events and prompts with pictures, as in a POST. Over it: close 1009. */
export const MAX_PAYLOAD = 8 * 1024 * 1024;
/** Largest frame of any other type. */
const MAX_FRAME = 2 * 1024 * 1024;
/** A frame over {@link MAX_FRAME} must say within this many bytes what it is: nothing of it is parsed to find out. */
const PEEK_BYTES = 512;
const MAX_ID_LENGTH = 128;

/** A request of a client: its type, its id, and every other field, flat. */
export interface InFrame {
  readonly type: string;
  readonly id?: FrameId;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * One frame out of what came over the wire. `large` names the types that may have up to 8 MiB; their `type` must stand in the
 * first 512 bytes.
 * @throws FrameError
 */
export function readFrame(data: Buffer, isBinary: boolean, { large }: { large: readonly string[] }): InFrame {
  if (isBinary) throw new FrameError('binary_not_supported', 'Frames are JSON text; this one was binary.', { remedy: 'Send text frames.' });
  if (data.length > MAX_FRAME && !large.includes(peekType(data) ?? ''))
    throw new FrameError('frame_too_large', `The frame has ${data.length} bytes; ${MAX_FRAME} are allowed.`, {
      remedy:
        large.length === 0
          ? 'Authenticate first.'
          : `Only ${large.join(', ')} may have up to ${MAX_PAYLOAD} bytes, with "type" within the first ${PEEK_BYTES}.`,
    });
  const value = parse(data.toString());
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FrameError('invalid_frame', 'A frame is a JSON object with a "type".', { remedy: 'Send {"type": "…", "id": "…", …}.' });
  const fields: Record<string, unknown> = { ...value };
  const { type, id } = fields;
  delete fields.type;
  delete fields.id;
  if (id !== undefined && !isFrameId(id))
    throw new FrameError('invalid_frame', `id: must be a string of 1 to ${MAX_ID_LENGTH} characters, or a whole number.`, {
      issues: [{ path: 'id', message: 'wrong' }],
    });
  if (typeof type !== 'string')
    throw new FrameError('invalid_frame', 'type: must be a string.', { issues: [{ path: 'type', message: 'must be a string' }] }, id);
  if (!isPlainJson(fields))
    throw new FrameError('invalid_frame', NOT_PLAIN, { remedy: 'Flatten it, or send such numbers as strings.' }, id);
  if (data.length > MAX_FRAME && !large.includes(type))
    throw new FrameError('frame_too_large', `A ${type.slice(0, 64)} may have ${MAX_FRAME} bytes.`, {}, id);
  return { type, ...(id === undefined ? {} : { id }), fields };
}

const peekType = (data: Buffer): string | undefined => /"type"\s*:\s*"([^"\\]{1,64})"/.exec(data.toString('latin1', 0, PEEK_BYTES))?.[1];

const isFrameId = (value: unknown): value is FrameId =>
  typeof value === 'number'
    ? Number.isSafeInteger(value)
    : typeof value === 'string' && value.length > 0 && value.length <= MAX_ID_LENGTH && value.isWellFormed();

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FrameError('invalid_json', 'The frame is not JSON.', { remedy: 'Send one JSON object a frame.' });
  }
}
