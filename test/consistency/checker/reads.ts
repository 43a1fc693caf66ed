import { MALFORMED, type ReadFrame, type ReadInvoke } from '../history/operation.types.js';
import type { Anomaly, AnomalyKind } from './anomaly.types.js';
import type { SessionHistory } from './session-history.js';

const ENDED: readonly string[] = ['completed', 'failed', 'stopped', 'expired'];

type Found = (kind: AnomalyKind, explanation: string, ...operations: number[]) => void;

interface Position {
  /** The last number this reader was given. */
  last: number;
  /** The operation that gave it. */
  index: number;
}

interface Stream {
  readonly invoke: ReadInvoke;
  /** What it must reach: the highest number acknowledged or read by anybody before it was asked for. */
  readonly floor: Floor;
  end: ReadFrame | undefined;
}

interface Floor {
  readonly seq: number;
  readonly index: number;
}

/** What each reader was given, in its order, and where it ended. */
export function checkReads(log: SessionHistory): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const found: Found = (kind, explanation, ...operations) => anomalies.push({ kind, session: log.session, explanation, operations });
  new ReadCheck(log, found).run();
  return anomalies;
}

class ReadCheck {
  private readonly positions = new Map<string, Position>();
  private readonly streams = new Map<number, Stream>();
  private floor: Floor = { seq: 0, index: -1 };
  private epoch: { readonly text: string; readonly index: number } | undefined;

  constructor(
    private readonly log: SessionHistory,
    private readonly found: Found,
  ) {}

  run(): void {
    for (const operation of this.log.operations) {
      if (operation.f === 'append' && operation.phase !== 'invoke')
        for (const item of operation.items) if (item.outcome === 'ok') this.raise(item.seq, operation.index);
      if (operation.f === 'read' && operation.phase === 'invoke') this.begin(operation);
      if (operation.f === 'read' && operation.phase === 'ok') this.take(operation);
      if (operation.f === 'read' && operation.phase === 'info' && operation.code === MALFORMED)
        this.found('wrong-bytes', `${operation.process} was sent a frame that is no JSON.`, operation.index);
      if (operation.f === 'final') this.checkEpoch(operation.epoch, operation.index);
      if (operation.f === 'stalled') this.found('stalled', `${operation.process}: ${operation.what}.`, operation.index);
    }
    this.checkEndOfLog();
  }

  private raise(seq: number, index: number): void {
    if (seq > this.floor.seq) this.floor = { seq, index };
  }

  private begin(invoke: ReadInvoke): void {
    const position = this.positions.get(invoke.process);
    if (position && !invoke.isSeek && invoke.after !== position.last)
      this.found(
        invoke.after > position.last ? 'skip' : 'nonmonotonic-poll',
        `${invoke.process} was given ${position.last} last, with a cursor that says ${invoke.after}.`,
        position.index,
        invoke.index,
      );
    this.positions.set(invoke.process, { last: invoke.after, index: invoke.index });
    this.streams.set(invoke.op, { invoke, floor: this.floor, end: undefined });
  }

  private take(frame: ReadFrame): void {
    const stream = this.streams.get(frame.op);
    const position = this.positions.get(frame.process);
    if (!stream || !position) throw new Error(`Operation ${frame.index} answers nothing that was asked.`);
    if (frame.frame === 'resync')
      return this.found(
        'refused-cursor',
        `${frame.process} asked on from ${stream.invoke.after}: ${frame.note ?? ''}.`,
        stream.invoke.index,
        frame.index,
      );
    this.checkEpoch(frame.epoch, frame.index);
    if (stream.end)
      this.found(
        frame.frame === 'end' ? 'double-end' : 'after-end',
        `${frame.process} was told the end, and then came ${frame.frame === 'end' ? 'the end' : `a frame (${frame.frame})`} on the same stream.`,
        stream.end.index,
        frame.index,
      );
    this.takeEvents(frame, position);
    if (frame.frame === 'snapshot' || (frame.frame === 'page' && frame.isWhole)) this.checkFloor(frame, stream);
    if (frame.frame !== 'snapshot' && frame.until !== position.last) {
      // The next one asked for goes on from there; told here, so not again.
      const kind = frame.until > position.last ? 'skip' : 'nonmonotonic-poll';
      this.found(
        kind,
        `${frame.process} has ${position.last}; its cursor says ${frame.until} (${frame.frame}).`,
        position.index,
        frame.index,
      );
      position.last = frame.until;
    }
    if (frame.frame === 'end') stream.end = frame;
  }

  private takeEvents({ process, events = [], prev, index }: ReadFrame, position: Position): void {
    if (prev !== undefined && prev !== position.last)
      this.found(
        prev > position.last ? 'skip' : 'nonmonotonic-poll',
        `${process} was given ${position.last} last; the frame says that it follows ${prev}.`,
        position.index,
        index,
      );
    events.forEach(({ seq, id }, at) => {
      const [skips, back] = at === 0 ? (['skip', 'nonmonotonic-poll'] as const) : (['int-skip', 'int-nonmonotonic-poll'] as const);
      if (seq !== position.last + 1)
        this.found(
          seq > position.last ? skips : back,
          `${process} was given ${seq} (${id}) after ${position.last}.`,
          position.index,
          index,
        );
      position.last = seq;
      position.index = index;
      this.raise(seq, index);
    });
  }

  private checkFloor(frame: ReadFrame, { invoke, floor }: Stream): void {
    if (frame.until < floor.seq)
      this.found(
        'stale-read',
        `${frame.process} was told that the log ends at ${frame.until}; ${floor.seq} was there before it asked.`,
        floor.index,
        invoke.index,
        frame.index,
      );
  }

  private checkEpoch(text: string, index: number): void {
    if (this.epoch && this.epoch.text !== text)
      this.found('refused-cursor', `The epoch was ${this.epoch.text} and became ${text}.`, this.epoch.index, index);
    this.epoch ??= { text, index };
  }

  /** The log ends once, nothing is behind, and whoever was told of the end had all of it. */
  private checkEndOfLog(): void {
    const { final } = this.log;
    const ends = [...this.log.seen.entries()]
      .flatMap(([seq, [first]]) => (first && ENDED.includes(first.event.to ?? '') ? [{ seq, index: first.index }] : []))
      .sort((a, b) => a.seq - b.seq);
    const [end, second] = ends;
    if (end && second) this.found('double-end', `The log ends at ${end.seq} and at ${second.seq}.`, end.index, second.index);
    const last = final?.events.at(-1);
    if (final && end && last && last.seq > end.seq)
      this.found('after-end', `The log ends at ${end.seq}, and goes on to ${last.seq}.`, end.index, final.index);
    if (final && !end && ENDED.includes(final.status))
      this.found('gap', `The session is ${final.status}; its log does not say so.`, final.index);
    for (const { end: told } of this.streams.values())
      if (told && end && told.until !== end.seq)
        this.found(
          told.until < end.seq ? 'skip' : 'after-end',
          `${told.process} was told the end at ${told.until}; it is ${end.seq}.`,
          end.index,
          told.index,
        );
  }
}
