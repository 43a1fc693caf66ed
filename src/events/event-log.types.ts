import type { RateUse } from '../auth/rate-limits.types.js';
import type { EventPayload, KnownEventType } from './event-payloads.types.js';
import type { PreparedEvent } from './event-preparation.js';

export const EVENT_SOURCES = ['acp', 'hook', 'api', 'terminal', 'import', 'system'] as const;
export type EventSource = (typeof EVENT_SOURCES)[number];

/** An event on its way into the log. `payload` is validated and turned into text once, here. */
export interface EventDraft {
  /** Makes the append exactly once: the same id in the same session again gives the first number. Absent: a new one is drawn. */
  readonly id?: string;
  readonly type: string;
  readonly turn?: number | null;
  readonly source: EventSource;
  readonly actor: string;
  /** ISO 8601; absent: now. */
  readonly occurredAt?: string;
  readonly nativeId?: string | null;
  readonly payload: object;
  /** `payload` as JSON text, where it was made already. */
  readonly text?: string;
}

/** A draft of a known type, checked by the compiler. */
export type TypedDraft<T extends KnownEventType> = Omit<EventDraft, 'type' | 'payload'> & {
  readonly type: T;
  readonly payload: EventPayload<T>;
};

/** What became of one draft: committed and fsynced, or a duplicate of what was. */
export interface Appended {
  readonly id: string;
  readonly seq: number;
  readonly duplicate: boolean;
}

/** What became of one draft of several: one that is refused does not refuse the others. */
export type AppendResult = { readonly ok: true; readonly value: Appended } | { readonly ok: false; readonly error: Error };

/** One event as the log holds it. `payload` is JSON text, `null` where retention trimmed it. */
export interface StoredEvent {
  readonly sessionId: string;
  readonly seq: number;
  readonly id: string;
  readonly turn: number | null;
  readonly type: string;
  readonly source: EventSource;
  readonly actor: string;
  readonly occurredAt: string;
  readonly recordedAt: string;
  readonly nativeId: string | null;
  readonly payload: string | null;
}

/** An event as JSON text in two parts, `head` and `payload`, that a brace closes; `payload` is `null` where retention trimmed it. */
export interface EventText {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly head: string;
  readonly payload: string | null;
}

/** New events of one session, in order, after their commit: `events[0].seq === prev + 1`. */
export interface CommittedEvents {
  readonly sessionId: string;
  readonly epoch: string;
  readonly prev: number;
  readonly events: readonly StoredEvent[];
  /** The session has ended with these. */
  readonly ended: boolean;
}

/** Where a session's log stands. */
export interface Head {
  readonly sessionId: string;
  readonly epoch: string;
  readonly lastSeq: number;
  readonly earliestSeq: number;
  readonly messageCount: number;
  readonly ended: boolean;
}

/** What a transaction adds to one log: `fresh` is numbered from `head.lastSeq` + 1. */
export interface Growth {
  readonly head: Head;
  readonly fresh: readonly PreparedEvent[];
  /** Nothing may follow these. */
  readonly ended: boolean;
}

/** A piece of streaming text, without a number. `offset` counts UTF-16 code units of the block's text. */
export interface Delta {
  readonly sessionId: string;
  readonly turn: number | null;
  readonly blockId: string;
  readonly kind: 'message' | 'thought';
  readonly offset: number;
  readonly text: string;
}

/** Streaming text as it stands. */
export interface OpenBlock {
  readonly sessionId: string;
  readonly blockId: string;
  readonly turn: number | null;
  readonly kind: 'message' | 'thought';
  readonly text: string;
}

/** Appends are counted by their events. */
export const appendUse = (body: unknown): RateUse => ({
  class: 'append',
  cost: typeof body === 'object' && body !== null && 'events' in body && Array.isArray(body.events) ? Math.max(1, body.events.length) : 1,
});
