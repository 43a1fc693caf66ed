import type { OutFrame } from '../frames.types.js';
import { Outlet } from '../hub/outlet.js';
import { RealtimeLimits } from '../realtime-limits.js';

/** An outlet whose peer takes what it is told to take. */
export class FakeOutlet extends Outlet {
  readonly frames: any[] = [];
  readonly texts: string[] = [];
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
    return this.frames.map(({ type }) => type);
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    this.frames.push(JSON.parse(frame.text));
    this.texts.push(frame.text);
    if (this.isTaking) setImmediate(taken);
    else this.held.push({ bytes: frame.text.length, taken });
  }

  protected closeSlow(): void {
    this.isClosedAsSlow = true;
    this.closed();
  }
}
