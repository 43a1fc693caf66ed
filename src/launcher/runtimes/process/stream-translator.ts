import type { EventDraft } from '../../../events/event-log.types.js';

/** What the records of one run came to. */
export interface StreamVerdict {
  readonly isSuccess: boolean;
  /** For people; only where it is none. */
  readonly error?: string;
  readonly stopReason?: string;
}

/** An event without what all events of a run share. */
export type StreamEvent = Pick<EventDraft, 'type' | 'payload'>;

/** Understands the records that a program writes to its stdout, one a line of JSON; one translator a run. */
export interface StreamTranslator {
  /** What a record becomes; empty for what says nothing to people. */
  translate(record: Readonly<Record<string, unknown>>): StreamEvent[];
  /** What the last deciding record said; null where none came. */
  readonly verdict: StreamVerdict | null;
  /** The program's own id of the conversation, once it told it. */
  readonly agentSessionId: string | null;
}

export const logEvent = (level: 'debug' | 'info' | 'warn' | 'error', text: string): StreamEvent => ({
  type: 'log',
  payload: { level, text },
});

export const asText = (value: unknown): string => (typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value));

export const textContent = (text: string) => [{ type: 'content', content: { type: 'text', text } }];
