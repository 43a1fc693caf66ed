import type { AppendDone, AppendInvoke, FinalRead, Operation, ReadFrame, SeenEvent } from '../history/operation.types.js';

/** An event that a client wrote, with everything that was tried. */
export interface Written {
  readonly id: string;
  readonly content: string;
  /** The operation of the first attempt. */
  readonly firstInvoke: number;
  attempts: number;
  /** Attempts of which it is known that they stored nothing. */
  refusals: number;
  readonly acks: Ack[];
}

export interface Ack {
  readonly index: number;
  readonly seq: number;
  readonly duplicate: boolean;
  readonly content: string;
}

/** Somebody was given an event. */
export interface Sighting {
  readonly index: number;
  readonly event: SeenEvent;
}

/** What a history says of one session. */
export class SessionHistory {
  readonly operations: Operation[] = [];
  readonly written = new Map<string, Written>();
  readonly appends: AppendDone[] = [];
  /** By number, each as often as it was seen. */
  readonly seen = new Map<number, Sighting[]>();
  readonly seqsOf = new Map<string, Set<number>>();
  final: FinalRead | undefined;

  constructor(readonly session: string) {}

  take(operation: Operation): void {
    this.operations.push(operation);
    if (operation.f === 'append') {
      if (operation.phase === 'invoke') this.takeInvoke(operation);
      else this.takeAppend(operation);
    }
    if (operation.f === 'read' && operation.phase === 'ok') this.see(operation);
    if (operation.f === 'final') {
      this.final = operation;
      this.see(operation);
    }
  }

  private takeInvoke({ index, items }: AppendInvoke): void {
    for (const { id, content } of items) {
      const known = this.written.get(id);
      if (known) known.attempts += 1;
      else this.written.set(id, { id, content, firstInvoke: index, attempts: 1, refusals: 0, acks: [] });
    }
  }

  private takeAppend(append: AppendDone): void {
    this.appends.push(append);
    for (const item of append.items) {
      const written = this.written.get(item.id);
      if (item.outcome === 'fail' && written) written.refusals += 1;
      if (item.outcome !== 'ok') continue;
      written?.acks.push({ index: append.index, seq: item.seq, duplicate: item.duplicate, content: item.content });
      this.noteSeq(item.id, item.seq);
    }
  }

  private see({ index, events = [] }: ReadFrame | FinalRead): void {
    for (const event of events) {
      const sightings = this.seen.get(event.seq);
      if (sightings) sightings.push({ index, event });
      else this.seen.set(event.seq, [{ index, event }]);
      this.noteSeq(event.id, event.seq);
    }
  }

  private noteSeq(id: string, seq: number): void {
    const seqs = this.seqsOf.get(id);
    if (seqs) seqs.add(seq);
    else this.seqsOf.set(id, new Set([seq]));
  }
}

export function bySession(history: readonly Operation[]): SessionHistory[] {
  const sessions = new Map<string, SessionHistory>();
  for (const operation of history) {
    if (operation.f === 'fault') continue;
    const known = sessions.get(operation.session) ?? new SessionHistory(operation.session);
    sessions.set(operation.session, known);
    known.take(operation);
  }
  return [...sessions.values()];
}
