import type { EventText, StoredEvent } from './event-log.types.js';

/** What `JSON.stringify` only puts in quotes; nearly every id is so. */
const PLAIN = /^[\w.:@/+ -]*$/;
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

/** The event as readers get it, as JSON text: the payload is put in as the text that was stored, `null` where it was trimmed. */
export function wireEvent(event: StoredEvent): string {
  const { head, payload } = eventText(event);
  return `${head}${payload ?? 'null'}}`;
}

/** As {@link wireEvent}, up to its payload and from there; put together by hand, because replays are made of it. */
export function eventText(event: Omit<StoredEvent, 'sessionId'>): EventText {
  const { seq, id, type, turn, source, actor, occurredAt, recordedAt, nativeId, payload } = event;
  const native = nativeId === null ? '' : `,"nativeId":${quoted(nativeId)}`;
  const head = `{"seq":${seq},"id":${quoted(id)},"type":${quoted(type)},"turn":${turn},"source":"${source}","actor":${quoted(actor)},"occurredAt":${quoted(occurredAt)},"recordedAt":${quoted(recordedAt)}${native},"payload":`;
  return { seq, id, type, head, payload };
}
