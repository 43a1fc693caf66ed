import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Outbox } from '../../core/database/outbox.js';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { EventBus } from '../../core/event-bus/event-bus.js';
import { requestContext } from '../../core/http/request-context.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { Tail } from './tail.js';

const BATCH = 200;

type FeedListener = (events: readonly DomainEvent[]) => void;

/**
 * Follows the feed for this node, in order and without gaps, while somebody listens. The bus only wakes it (and saves the read
 * where its event is the next one); what it missed it reads, and it looks by itself every `pollMs`.
 */
@Injectable()
export class FeedFollower implements OnModuleDestroy {
  private readonly logger = new Logger(FeedFollower.name);
  private readonly listeners = new Set<FeedListener>();
  private readonly tail: Tail<DomainEvent>;
  private position: number | undefined;
  private stopFollowing: (() => void) | undefined;
  private reading: Promise<void> | undefined;
  private isWoken = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly bus: EventBus,
    private readonly limits: RealtimeLimits,
  ) {
    this.tail = new Tail(limits.tailEvents, Number.POSITIVE_INFINITY);
  }

  onModuleDestroy(): void {
    this.listeners.clear();
    this.stop();
  }

  /** Calls `listener` with everything committed from when this resolves on, in order. */
  async listen(listener: FeedListener): Promise<() => void> {
    this.listeners.add(listener);
    // Following is for all that listen, whoever was the first.
    this.stopFollowing ??= requestContext.exit(() => this.follow());
    if (this.position === undefined) {
      const { position } = await this.outbox.head();
      if (this.position === undefined) {
        this.position = position;
        this.tail.reset(position);
        // What was announced while the position was read is found now and not at the next poll.
        this.wake();
      }
    }
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  }

  /** Events behind `position`, oldest first: from memory where they were heard, else from the outbox. */
  async readAfter(position: number): Promise<readonly DomainEvent[]> {
    return (this.position !== undefined && this.tail.after(position)) || this.outbox.read(position, BATCH);
  }

  private follow(): () => void {
    const unsubscribe = this.bus.subscribe((event) => this.hear(event));
    const poll = setInterval(() => this.wake(), this.limits.pollMs).unref();
    return () => {
      unsubscribe();
      clearInterval(poll);
    };
  }

  private stop(): void {
    this.stopFollowing?.();
    this.stopFollowing = undefined;
    this.position = undefined;
  }

  private hear(event: DomainEvent): void {
    if (this.position === undefined || event.position <= this.position) return;
    if (event.position === this.position + 1 && !this.reading) this.take([event]);
    else this.wake();
  }

  private wake(): void {
    this.isWoken = true;
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
      if (this.isWoken && this.stopFollowing) this.wake();
    });
  }

  private async read(): Promise<void> {
    this.isWoken = false;
    try {
      while (this.position !== undefined) {
        const from = this.position;
        const events = await this.outbox.read(from, BATCH);
        if (this.position !== from) continue;
        this.take(events);
        if (events.length < BATCH) return;
      }
    } catch (error) {
      this.logger.warn({ msg: 'the feed could not be read; trying again', err: error });
    }
  }

  private take(events: readonly DomainEvent[]): void {
    for (const event of events) this.tail.push(event.position, event, 0);
    this.position = events.at(-1)?.position ?? this.position;
    if (events.length > 0) [...this.listeners].forEach((listener) => listener(events));
  }
}
