import type { StoredEvent } from './event-log.types.js';

/** What `JSON.stringify` only puts in quotes; nearly every id is so. */
const PLAIN = /^[\w.:@/+ -]*$/;
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

/** The event as readers get it, as JSON text: the payload is put in as the text that was stored, `null` where it was trimmed. */
export function wireEvent(event: StoredEvent): string {
  return `${wireHead(event)}${event.payload ?? 'null'}}`;
}

/** {@link wireEvent} up to its payload; put together by hand, because replays are made of it. */
export function wireHead({ seq, id, type, turn, source, actor, occurredAt, recordedAt, nativeId }: StoredEvent): string {
  const native = nativeId === null ? '' : `,"nativeId":${quoted(nativeId)}`;
  return `{"seq":${seq},"id":${quoted(id)},"type":${quoted(type)},"turn":${turn},"source":"${source}","actor":${quoted(actor)},"occurredAt":${quoted(occurredAt)},"recordedAt":${quoted(recordedAt)}${native},"payload":`;
}
