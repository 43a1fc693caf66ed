/**
 * What clients did and saw, in the order in which they did and saw it. `index` is that order; `op` joins what was asked with what
 * came back. Nothing here is known of the server but what it answered.
 */
interface Base {
  readonly index: number;
  /** Milliseconds since the run began. */
  readonly at: number;
  /** Who did it: a writer, a reader, somebody who ends sessions; does one thing after the other, but for pipelined appends. */
  readonly process: string;
  readonly op: number;
}

export type WriteVia = 'http' | 'batch' | 'ws';
export type ReadVia = 'page' | 'poll' | 'sse' | 'ws';

/** One event as it was sent. `content` is a digest of its type and payload in canonical form. */
export interface SentItem {
  readonly id: string;
  readonly content: string;
}

/**
 * What became of it: `ok` it is stored as `seq`; `fail` this attempt stored nothing, the server said so; `info` nobody knows.
 * `code` is the server's, or what the client saw in place of an answer.
 */
export type ItemOutcome =
  | (SentItem & { readonly outcome: 'ok'; readonly seq: number; readonly duplicate: boolean })
  | (SentItem & { readonly outcome: 'fail' | 'info'; readonly code: string });

export interface AppendInvoke extends Base {
  readonly f: 'append';
  readonly phase: 'invoke';
  readonly via: WriteVia;
  readonly session: string;
  readonly items: readonly SentItem[];
}

export interface AppendDone extends Base {
  readonly f: 'append';
  /** `ok` or `fail` where all items are, else `info`. */
  readonly phase: 'ok' | 'fail' | 'info';
  readonly via: WriteVia;
  readonly session: string;
  readonly items: readonly ItemOutcome[];
}

/** One event as it was received. */
export interface SeenEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  /** A digest of the very bytes it came as. */
  readonly bytes: string;
  /** A digest of its type and payload in canonical form. */
  readonly content: string;
  /** Of a `status` event: where the session moved to. */
  readonly to?: string;
}

/** A reader asks for a page, or opens a stream, behind `after`. */
export interface ReadInvoke extends Base {
  readonly f: 'read';
  readonly phase: 'invoke';
  readonly via: ReadVia;
  readonly session: string;
  readonly after: number;
  /** It did not go on where it was, by its own choice. */
  readonly isSeek?: boolean;
}

/** What came of it: one answer of a page, any number of frames of a stream. `until` is the number in its cursor. */
export interface ReadFrame extends Base {
  readonly f: 'read';
  readonly phase: 'ok';
  readonly via: ReadVia;
  readonly session: string;
  readonly frame: 'page' | 'snapshot' | 'events' | 'caught_up' | 'end' | 'resync';
  readonly until: number;
  readonly epoch: string;
  /** `page`: nothing more was there. */
  readonly isWhole?: boolean;
  /** `events`: the number this frame says it follows. */
  readonly prev?: number;
  readonly events?: readonly SeenEvent[];
  /** `end`: the status; `resync`: the reason. */
  readonly note?: string;
}

/** The `code` of a frame that came whole and is no JSON. */
export const MALFORMED = 'malformed';

/** The page or stream broke off, or (`slow`) the server said that it falls behind. */
export interface ReadBroken extends Base {
  readonly f: 'read';
  readonly phase: 'info';
  readonly via: ReadVia;
  readonly session: string;
  readonly code: string;
}

export interface StopOp extends Base {
  readonly f: 'stop';
  readonly phase: 'invoke' | 'ok' | 'info';
  readonly session: string;
  readonly code?: string;
}

/** Everything that is in the log after all is healed, read by one who was not there before. */
export interface FinalRead extends Base {
  readonly f: 'final';
  readonly phase: 'ok';
  readonly session: string;
  readonly epoch: string;
  readonly status: string;
  /** How long the history was when this read began: what was seen behind its end since then may have come later. */
  readonly began: number;
  /** The number in the cursor of the last page. */
  readonly until: number;
  readonly events: readonly SeenEvent[];
}

/** Something that had to happen after all was healed did not, within the time given. */
export interface Stalled extends Base {
  readonly f: 'stalled';
  readonly phase: 'info';
  readonly session: string;
  readonly what: string;
}

export interface FaultOp extends Base {
  readonly f: 'fault';
  readonly phase: 'begin' | 'end';
  readonly kind: string;
  readonly detail: string;
}

export type Operation = AppendInvoke | AppendDone | ReadInvoke | ReadFrame | ReadBroken | StopOp | FinalRead | Stalled | FaultOp;

/** An operation as it is handed to the recorder, who gives it its place and time. */
export type Draft<T extends Operation = Operation> = T extends Operation ? Omit<T, 'index' | 'at'> : never;
