import type { OutFrame } from '../out-frame.js';
import { EventsFrame } from '../hub/event-frames.js';
import { Outlet } from '../hub/outlet.js';
import { RealtimeLimits } from '../realtime-limits.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- frames of every type, that tests look into
type LooseFrame = Record<string, any>;

/** An outlet whose peer takes what it is told to take. */
export class FakeOutlet extends Outlet {
  readonly frames: LooseFrame[] = [];
  readonly texts: string[] = [];
  /** The numbers of the events that were sent, in that order. */
  readonly seqs: number[] = [];
  isTaking = true;
  isClosedAsSlow = false;
  private readonly held: { bytes: number; taken: () => void }[] = [];

  constructor(limits: RealtimeLimits = new RealtimeLimits()) {
    super(limits);
  }

  get buffered(): number {
    return this.held.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Takes everything, or the first `count` frames that wait. */
  take(count = Number.POSITIVE_INFINITY): void {
    while (count-- > 0) {
      const first = this.held.shift();
      if (!first) return;
      first.taken();
    }
  }

  types(): string[] {
    return this.frames.map(({ type }) => String(type));
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-assignment -- as above
    const loose: LooseFrame = JSON.parse(frame.text);
    this.frames.push(loose);
    this.texts.push(frame.text);
    if (frame instanceof EventsFrame) this.seqs.push(...frame.events.map(({ seq }) => seq));
    if (this.isTaking) setImmediate(taken);
    else this.held.push({ bytes: frame.text.length, taken });
  }

  protected closeSlow(): void {
    this.isClosedAsSlow = true;
    this.closed();
  }
}
