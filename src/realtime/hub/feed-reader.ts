import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { formatCursor } from '../../events/cursor.js';
import { outFrame } from '../frames.types.js';
import type { OutFrame } from '../out-frame.js';
import type { FeedFollower } from './feed-follower.service.js';
import type { Outlet } from './outlet.js';

export interface FeedReaderOptions {
  readonly epoch: string;
  readonly after: number;
  /** Whether this reader may see it, as of now, and wants it. */
  readonly isWanted: (event: DomainEvent) => boolean;
  readonly onFailure: (error: unknown) => void;
}

/** One reader of the feed. It pulls: nothing waits for it but its own position. */
export class FeedReader {
  private position: number;
  private lastSent: number;
  private isClosed = false;
  private isBehind = true;
  private leave: (() => void) | undefined;
  private wake: () => void = () => undefined;

  constructor(
    private readonly follower: FeedFollower,
    private readonly outlet: Outlet,
    private readonly options: FeedReaderOptions,
  ) {
    this.position = options.after;
    this.lastSent = options.after;
  }

  start(): void {
    this.run().catch((error: unknown) => {
      if (this.isClosed) return;
      this.close();
      this.options.onFailure(error);
    });
  }

  close(): void {
    this.isClosed = true;
    this.leave?.();
    this.wake();
  }

  private async run(): Promise<void> {
    this.leave = await this.follower.listen(() => this.wake());
    for (;;) {
      if (this.isClosed) return this.leave();
      const woken = new Promise<void>((resolve) => (this.wake = resolve));
      const events = await this.follower.readAfter(this.position);
      for (const event of events) await this.pass(event);
      if (events.length > 0) continue;
      if (this.isBehind && !this.isClosed)
        this.outlet.send(outFrame({ type: 'caught_up', feed: true, cursor: formatCursor(this.options.epoch, this.position) }));
      this.isBehind = false;
      await woken;
    }
  }

  private async pass(event: DomainEvent): Promise<void> {
    while (this.outlet.isCongested) {
      if (this.outlet.isSlow && !this.isBehind) this.outlet.noteSlow();
      this.isBehind ||= this.outlet.isSlow;
      await this.outlet.drained();
    }
    if (this.isClosed) return;
    this.position = event.position;
    if (!this.options.isWanted(event)) return;
    this.outlet.send(feedFrame(this.options.epoch, this.lastSent, event));
    this.lastSent = event.position;
  }
}

function feedFrame(epoch: string, prev: number, { data, ...event }: DomainEvent): OutFrame {
  const cursor = formatCursor(epoch, event.position);
  return outFrame({ type: 'feed', prev, ...event, data: { ...data }, cursor }, cursor);
}
