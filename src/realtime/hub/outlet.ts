import { Turns } from '../../core/database/turns.js';
import { outFrame } from '../frames.types.js';
import type { OutFrame } from '../out-frame.js';
import type { RealtimeLimits } from '../realtime-limits.js';

/**
 * Where the frames of one connection go: a WebSocket or an SSE response. Bounded: who sends more than a few frames asks
 * {@link isCongested} first and waits for {@link drained}. A connection for which something waits and that takes nothing of it for
 * `stallMs` is closed.
 * While it is held nobody may know whether its reader may still see what would be sent: streams wait as if it were congested, and
 * look at {@link isHeld} in the turn in which they send.
 */
export abstract class Outlet {
  isClosed = false;
  isHeld = false;
  /** Pages of the log are read for one reader of the connection at a time. */
  readonly turns = new Turns();
  /** Something waits for the peer to take it. */
  isQueued = false;
  private tookAt = 0;
  private isNotedSlow = false;
  private readonly waiting = new Set<() => void>();
  private readonly closers = new Set<() => void>();
  private stall: NodeJS.Timeout | undefined;

  constructor(protected readonly limits: Pick<RealtimeLimits, 'liveBytes' | 'stallMs'>) {}

  /** Bytes that were sent and not yet taken. */
  abstract get buffered(): number;
  protected abstract transmit(frame: OutFrame, taken: () => void): void;
  /** Ends the connection because its peer takes nothing. */
  protected abstract closeSlow(): void;

  get isCongested(): boolean {
    return this.isHeld || this.isSlow;
  }

  /** More is waiting than a live connection may have. */
  get isSlow(): boolean {
    return this.buffered > this.limits.liveBytes;
  }

  /** Streams send nothing from here on until {@link letGo}. */
  hold(): void {
    if (!this.isClosed) this.isHeld = true;
  }

  letGo(): void {
    this.isHeld = false;
    if (!this.isSlow) this.release();
  }

  send(frame: OutFrame): void {
    if (this.isClosed) return;
    this.transmit(frame, this.taken);
    if (this.isQueued || this.buffered === 0) return;
    this.isQueued = true;
    this.tookAt = performance.now();
    this.stall ??= this.watchStall(this.limits.stallMs);
  }

  /** Tells the reader once that it fell behind; again only after it had caught up. */
  noteSlow(): void {
    if (this.isNotedSlow || !this.isSlow) return;
    this.isNotedSlow = true;
    this.send(outFrame({ type: 'slow' }));
  }

  /** Resolves when at most half of what makes a connection slow is waiting, or it is closed. */
  async drained(): Promise<void> {
    if (this.isClosed || !this.isCongested) {
      this.isNotedSlow = false;
      return;
    }
    await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  /** `closer` is called once when the connection is gone, at once where it is. */
  onClose(closer: () => void): void {
    if (this.isClosed) closer();
    else this.closers.add(closer);
  }

  /** To be called by whoever owns the connection when it is gone. */
  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isHeld = false;
    clearTimeout(this.stall);
    this.release();
    this.closers.forEach((closer) => closer());
    this.closers.clear();
  }

  private readonly taken = (): void => {
    if (!this.isQueued) return;
    this.tookAt = performance.now();
    const { buffered } = this;
    this.isQueued = buffered > 0;
    if (this.waiting.size === 0 || buffered > this.limits.liveBytes / 2) return;
    this.isNotedSlow = false;
    if (!this.isHeld) this.release();
  };

  private release(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    waiting.forEach((resolve) => resolve());
  }

  /** One timer, however often something is taken: it looks when that was. */
  private watchStall(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.stall = undefined;
      if (this.isClosed || !this.isQueued) return;
      const left = this.limits.stallMs - (performance.now() - this.tookAt);
      if (left <= 0) this.closeSlow();
      else this.stall = this.watchStall(left);
    }, ms).unref();
  }
}
