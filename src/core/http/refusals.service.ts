import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../clock.js';

/** What the edge turns away because it is too much. */
export const REFUSALS = ['failed_attempt', 'too_many_attempts', 'rate_limited', 'too_many_streams', 'too_many_connections'] as const;
export type Refusal = (typeof REFUSALS)[number];

const WINDOW_MS = 10_000;
const LINES_A_WINDOW = 5;

interface Window {
  readonly since: number;
  lines: number;
  unlogged: number;
}

/** Counts what the edge turns away and logs a part of it, so that a flood of requests is no flood of lines. */
@Injectable()
export class Refusals {
  /** Since the start of this process. */
  readonly counts = new Map<Refusal, number>();
  private readonly logger = new Logger('Edge');
  private readonly windows = new Map<Refusal, Window>();

  constructor(private readonly clock: Clock) {}

  /** `facts` go into the log: an address, a count, an id; never a credential. */
  note(refusal: Refusal, facts: Readonly<Record<string, string | number>>): void {
    this.counts.set(refusal, (this.counts.get(refusal) ?? 0) + 1);
    const window = this.windowOf(refusal);
    if (window.lines >= LINES_A_WINDOW) {
      window.unlogged += 1;
      return;
    }
    window.lines += 1;
    this.logger.warn({ msg: 'refused', refusal, ...facts });
  }

  private windowOf(refusal: Refusal): Window {
    const now = this.clock.nowMs();
    const open = this.windows.get(refusal);
    if (open && now - open.since < WINDOW_MS) return open;
    if (open) this.close(refusal, open);
    const window: Window = { since: now, lines: 0, unlogged: 0 };
    this.windows.set(refusal, window);
    setTimeout(() => this.close(refusal, window), WINDOW_MS).unref();
    return window;
  }

  /** What was not logged is told in sum, also where nothing follows. */
  private close(refusal: Refusal, window: Window): void {
    if (this.windows.get(refusal) === window) this.windows.delete(refusal);
    if (window.unlogged > 0) this.logger.warn({ msg: 'refused', refusal, more: window.unlogged });
    window.unlogged = 0;
  }
}
