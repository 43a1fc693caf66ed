import type { StoredEvent } from './event-log.types.js';

/** The event as readers get it, as JSON text: the payload is put in as the text that was stored, `null` where it was trimmed. */
export function wireEvent(event: StoredEvent): string {
  const { seq, id, type, turn, source, actor, occurredAt, recordedAt, nativeId, payload } = event;
  const head = JSON.stringify({ seq, id, type, turn, source, actor, occurredAt, recordedAt, ...(nativeId === null ? {} : { nativeId }) });
  return `${head.slice(0, -1)},"payload":${payload ?? 'null'}}`;
}
