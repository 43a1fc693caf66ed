import canonicalize from 'canonicalize';
import { hash } from 'node:crypto';
import { newId } from '../core/ids.js';
import { type PreparedBlob, spill } from './blob-spill.js';
import type { EventDraft, EventSource } from './event-log.types.js';
import { isKnownType, PAYLOADS } from './event-payloads.types.js';
import { InvalidEventError } from './events.errors.js';

/** A draft that only lacks its number: payload checked, hashed as it came, and made text. */
export interface PreparedEvent {
  readonly id: string;
  readonly type: string;
  readonly turn: number | null;
  readonly source: EventSource;
  readonly actor: string;
  readonly occurredAt: string;
  readonly nativeId: string | null;
  readonly hash: string;
  /** JSON text, small enough for an event: what was large in it is in {@link blobs}. */
  readonly payload: string;
  readonly blobs: readonly PreparedBlob[];
  /** The payload as a value, whole, for those who project it. */
  readonly value: Readonly<Record<string, unknown>>;
}

const TYPE = /^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$/;
// eslint-disable-next-line no-control-regex -- NUL is what is looked for
const NUL = /\u0000/;

/** @throws InvalidEventError that names the wrong place. */
export function prepareEvent(draft: EventDraft, nowIso: string): PreparedEvent {
  if (!TYPE.test(draft.type))
    throw new InvalidEventError(`type: ${JSON.stringify(draft.type.slice(0, 64))} is not an event type`, {
      issues: [{ path: 'type', message: 'letters, digits and _ . : / -, beginning with a letter, at most 128' }],
    });
  for (const [path, value] of [
    ['id', draft.id],
    ['nativeId', draft.nativeId],
  ] as const)
    if (value !== undefined && value !== null && (value.length === 0 || value.length > 256 || NUL.test(value) || !value.isWellFormed()))
      throw new InvalidEventError(`${path}: must have 1 to 256 characters, and no NUL or half of a surrogate pair`, {
        issues: [{ path, message: '1 to 256 well-formed characters, no NUL' }],
      });
  const value = { ...draft.payload };
  assertPayload(draft.type, value);
  return {
    id: draft.id ?? newId(),
    type: draft.type,
    turn: draft.turn ?? null,
    source: draft.source,
    actor: draft.actor,
    occurredAt: draft.occurredAt === undefined ? nowIso : normalTime(draft.occurredAt),
    nativeId: draft.nativeId ?? null,
    hash: contentHash(draft.type, value),
    ...spill(value, draft.text ?? JSON.stringify(value), isKnownType(draft.type) ? Object.keys(PAYLOADS[draft.type].shape) : []),
    value,
  };
}

/** SHA-256 over the RFC 8785 form of `{type, payload}`: two writings of the same content are one content. */
export function contentHash(type: string, payload: object): string {
  return hash('sha256', canonicalText({ type, payload }), 'hex');
}

function canonicalText(value: object): string {
  try {
    return canonicalize(value) ?? '';
  } catch (error) {
    throw new InvalidEventError(`The payload is not plain JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function assertPayload(type: string, payload: object): void {
  if (!isKnownType(type)) return;
  const result = PAYLOADS[type].safeParse(payload);
  if (result.success) return;
  const issues = result.error.issues.slice(0, 20).map((issue) => ({ path: ['payload', ...issue.path].join('.'), message: issue.message }));
  throw new InvalidEventError(`The payload of a ${type} event is wrong at ${issues.map((each) => each.path).join(', ')}`, { issues });
}

function normalTime(text: string): string {
  const time = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) || Number.isNaN(time.getTime()))
    throw new InvalidEventError(`occurredAt: ${JSON.stringify(text.slice(0, 64))} is not an ISO 8601 time`, {
      issues: [{ path: 'occurredAt', message: 'ISO 8601 date and time' }],
    });
  return time.toISOString();
}
