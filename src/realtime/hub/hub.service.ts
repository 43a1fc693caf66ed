import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SYSTEM } from '../../auth/principal.types.js';
import { EventBus } from '../../core/event-bus/event-bus.js';
import { formatCursor } from '../../events/cursor.js';
import { EventLog } from '../../events/event-log.service.js';
import type { Head } from '../../events/event-log.types.js';
import { OpenBlocks } from '../../events/open-blocks.service.js';
import { isEnded } from '../../sessions/session.state.js';
import { SessionNotFoundError } from '../../sessions/sessions.errors.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { Gate } from './gate.js';
import { type LogPage, LogPages, type ReadableLog } from './log-pages.js';
import { PageCache } from './page-cache.js';
import { SessionTopic } from './session-topic.js';

/** What this node hears of sessions that somebody watches. One a node, for WebSocket and SSE alike. */
@Injectable()
export class Hub implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Hub.name);
  private readonly topics = new Map<string, SessionTopic>();
  private readonly unsubscribe: (() => void)[] = [];
  private poll: NodeJS.Timeout | undefined;
  private isPolling = false;
  /** Where the logs stood at the poll before: what is older than that and was not heard was missed. */
  private known = new Map<string, Head>();
  private readonly cache: PageCache<LogPage>;
  /** What readers need of the database goes through here. */
  readonly gate: Gate;

  constructor(
    private readonly log: EventLog,
    private readonly blocks: OpenBlocks,
    private readonly bus: EventBus,
    private readonly sessions: SessionsService,
    private readonly limits: RealtimeLimits,
  ) {
    this.cache = new PageCache(limits.cacheBytes);
    this.gate = new Gate(limits.readsAtOnce);
  }

  onModuleInit(): void {
    this.unsubscribe.push(
      this.log.onCommitted((committed) => this.topics.get(committed.sessionId)?.hear(committed)),
      this.blocks.onDelta((delta) => this.topics.get(delta.sessionId)?.hearDelta(delta)),
      this.bus.subscribe(({ name, sessionId }) => {
        if (name === 'session.deleted' && sessionId !== null) this.topics.get(sessionId)?.markEnded(0, 'deleted');
      }),
    );
    this.poll = setInterval(() => void this.lookAfter(), this.limits.pollMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.poll);
    this.unsubscribe.forEach((each) => each());
  }

  /** How many sessions are watched now. */
  get watched(): number {
    return this.topics.size;
  }

  /** Gives the live readers of a session what was heard of it so far: for whoever tells them something else that came behind it. */
  flush(sessionId: string): void {
    this.topics.get(sessionId)?.flush();
  }

  /** The topic of a session, heard from now on until the caller releases it. */
  acquire(sessionId: string, epoch: string): SessionTopic {
    const known = this.topics.get(sessionId);
    if (known?.log.epoch === epoch) {
      known.acquire();
      return known;
    }
    const name = { sessionId, epoch };
    const source = this.readable(sessionId);
    const pages = new LogPages(name, source, this.cache, this.gate, this.limits);
    const topic: SessionTopic = new SessionTopic(name, source, pages, this.limits, () => {
      if (this.topics.get(sessionId) === topic) this.topics.delete(sessionId);
    });
    this.topics.set(sessionId, topic);
    topic.acquire();
    known?.renumber(formatCursor(epoch, 0));
    return topic;
  }

  private readable(sessionId: string): ReadableLog {
    return {
      read: (after, limit) => this.log.readTexts(sessionId, after, limit),
      head: () => this.log.head(sessionId),
      openBlocks: () => this.blocks.of(sessionId),
    };
  }

  /** Finds what was committed and not announced here: by another process, or because an announcement was lost. */
  private async lookAfter(): Promise<void> {
    this.cache.sweep();
    if (this.isPolling || this.topics.size === 0) return;
    this.isPolling = true;
    try {
      const topics = [...this.topics.entries()];
      const heads = new Map((await this.log.heads(topics.map(([id]) => id))).map((head) => [head.sessionId, head]));
      const before = this.known;
      this.known = heads;
      for (const [id, topic] of topics) await this.compare(topic, heads.get(id), before.get(id));
    } catch (error) {
      this.logger.warn({ msg: 'looking for unheard events failed', err: error });
    } finally {
      this.isPolling = false;
    }
  }

  private async compare(topic: SessionTopic, head: Head | undefined, before: Head | undefined): Promise<void> {
    if (!head) return topic.markEnded(0, 'deleted');
    if (head.epoch !== topic.log.epoch) return topic.renumber(formatCursor(head.epoch, head.earliestSeq - 1));
    topic.note(head.lastSeq);
    if (!before) return;
    // What was there at the poll before had time enough to be heard.
    topic.readers.forEach((reader) => reader.catchUpTo(before.lastSeq));
    if (before.ended && head.ended && !topic.end) await this.markEnded(topic, head);
  }

  private async markEnded(topic: SessionTopic, { sessionId, lastSeq }: Head): Promise<void> {
    try {
      const { session } = await this.sessions.get(SYSTEM, sessionId);
      if (isEnded(session.status)) topic.markEnded(lastSeq, session.status);
    } catch (error) {
      // Deleted meanwhile: the next look finds no head of it.
      if (!(error instanceof SessionNotFoundError)) throw error;
    }
  }
}
