import type { Recorder } from '../history/recorder.js';
import type { ItemOutcome } from '../history/operation.types.js';
import { EventMaker, outgoing } from './event-maker.js';
import { isPassing, phaseOf } from './outcome.js';
import type { Outgoing, Sender } from './senders.js';

export interface WriterPlan {
  readonly name: string;
  /** Milliseconds between two operations, at most. */
  readonly thinkMs: number;
  /** Operations under way at once; more than one only over the WebSocket. */
  readonly window: number;
  /** Events an operation, at most. */
  readonly batch: number;
}

const RETRY_MS = 25;
const MAX_RETRY_MS = 250;
/** How often a client ends for good without knowing what became of its last attempt. */
const ABANDON = 0.04;
/** How often a writer looks at once whether what it was told is so. */
const LOOK = 0.15;
/** How often something that was acknowledged is sent once more, as it was, or changed under the same id. */
const AGAIN = 0.05;
const CONFLICT = 0.02;

/** A client that appends: sends what has no known outcome again, with the same ids, until it has one. */
export class Writer {
  private readonly maker: EventMaker;
  private readonly stored: { readonly session: string; readonly item: Outgoing }[] = [];
  private readonly ended = new Set<string>();
  private isStopping = false;
  private giveUp = false;

  constructor(
    private readonly plan: WriterPlan,
    private readonly sessions: readonly string[],
    private readonly sender: Sender,
    private readonly recorder: Recorder,
    private readonly random: () => number,
    /** Reads where the log of a session stands, as `process`. */
    private readonly look: (process: string, session: string) => Promise<void>,
  ) {
    this.maker = new EventMaker(plan.name, random);
  }

  /** Ends after {@link stop}, when every outcome is known, or at {@link abandon}. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.plan.window }, () => this.lane()));
    this.sender.close();
  }

  stop(): void {
    this.isStopping = true;
  }

  /** Time is up: what is not known by now stays unknown, and that is a failure. */
  abandon(): void {
    this.giveUp = true;
  }

  /** Events of `size` characters each, as fast as they are taken. */
  async flood(session: string, events: number, size: number): Promise<void> {
    for (let sent = 0; sent < events && !this.isStopping; sent += this.plan.batch)
      await this.deliver(
        session,
        Array.from({ length: this.plan.batch }, () => this.maker.filler(size)),
      );
  }

  private async lane(): Promise<void> {
    while (!this.isStopping) {
      const open = this.sessions.filter((each) => !this.ended.has(each));
      const session = pick(open.length > 0 ? open : this.sessions, this.random);
      await this.deliver(session, this.next(session));
      await pause(this.plan.thinkMs * this.random());
    }
  }

  private next(session: string): Outgoing[] {
    const known = this.stored.filter((each) => each.session === session).at(-1)?.item;
    const draw = this.random();
    if (known && draw < AGAIN) return [known];
    if (known && draw < AGAIN + CONFLICT) return [outgoing(known.id, known.type, { ...known.payload, changed: true })];
    return Array.from({ length: Math.ceil(this.random() * this.plan.batch) }, () => this.maker.make());
  }

  private async deliver(session: string, items: readonly Outgoing[]): Promise<void> {
    let open = items;
    for (let wait = RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
      const outcomes = await this.attempt(session, open);
      open = open.filter((_, at) => outcomes[at] && isPassing(outcomes[at]));
      if (open.length === 0) return;
      if (this.giveUp) return this.stall(session, open, outcomes);
      if (!this.isStopping && this.random() < ABANDON) return;
      await pause(wait * (0.5 + this.random()));
    }
  }

  private async attempt(session: string, items: readonly Outgoing[]): Promise<ItemOutcome[]> {
    const base = { f: 'append', process: this.plan.name, op: this.recorder.nextOp(), via: this.sender.via, session } as const;
    this.recorder.record({ ...base, phase: 'invoke', items: items.map(({ id, content }) => ({ id, content })) });
    const outcomes = await this.sender.send(session, items);
    this.recorder.record({ ...base, phase: phaseOf(outcomes), items: outcomes });
    outcomes.forEach((outcome, at) => {
      const item = items[at];
      if (outcome.outcome === 'ok' && item) this.stored.push({ session, item });
      if (outcome.outcome === 'fail' && outcome.code === 'session_ended') this.ended.add(session);
    });
    if (outcomes.some(({ outcome }) => outcome === 'ok') && this.random() < LOOK) await this.look(`${this.plan.name}-look`, session);
    return outcomes;
  }

  private stall(session: string, open: readonly Outgoing[], outcomes: readonly ItemOutcome[]): void {
    const codes = [...new Set(outcomes.flatMap((each) => (each.outcome === 'ok' ? [] : [each.code])))].join(', ');
    const what = `${open.length} events (${open[0]?.id ?? ''} …) are still not accepted: ${codes}`;
    this.recorder.record({ f: 'stalled', phase: 'info', process: this.plan.name, op: this.recorder.nextOp(), session, what });
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function pick<T>(from: readonly T[], random: () => number): T {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}
