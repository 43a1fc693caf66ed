import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { SYSTEM } from '../../auth/principal.types.js';
import { EventBus } from '../../core/event-bus/event-bus.js';
import { EventLog } from '../../events/event-log.service.js';
import type { Head } from '../../events/event-log.types.js';
import { OpenBlocks } from '../../events/open-blocks.service.js';
import { isEnded } from '../../sessions/session.state.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { SessionReader } from './session-reader.js';
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

  constructor(
    private readonly log: EventLog,
    private readonly blocks: OpenBlocks,
    private readonly bus: EventBus,
    private readonly sessions: SessionsService,
    private readonly limits: RealtimeLimits,
  ) {}

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

  /** The topic of a session, heard from now on until the caller releases it. */
  acquire(sessionId: string, epoch: string): SessionTopic {
    const known = this.topics.get(sessionId);
    if (known?.log.epoch === epoch) {
      known.acquire();
      return known;
    }
    const topic: SessionTopic = new SessionTopic({ sessionId, epoch }, this.limits, () => {
      if (this.topics.get(sessionId) === topic) this.topics.delete(sessionId);
    });
    this.topics.set(sessionId, topic);
    topic.acquire();
    return topic;
  }

  /** Finds what was committed and not announced here: by another process, or because an announcement was lost. */
  private async lookAfter(): Promise<void> {
    if (this.isPolling || this.topics.size === 0) return;
    this.isPolling = true;
    try {
      const topics = [...this.topics.entries()];
      const heads = new Map((await this.log.heads(topics.map(([id]) => id))).map((head) => [head.sessionId, head]));
      for (const [id, topic] of topics) await this.compare(topic, heads.get(id), this.known.get(id));
      this.known = heads;
    } catch (error) {
      this.logger.warn({ msg: 'looking for unheard events failed', err: error });
    } finally {
      this.isPolling = false;
    }
  }

  private async compare(topic: SessionTopic, head: Head | undefined, before: Head | undefined): Promise<void> {
    if (!head) return topic.markEnded(0, 'deleted');
    if (!before) return;
    for (const reader of [...topic.readers])
      if (reader instanceof SessionReader && (reader.isLiveAt ?? before.lastSeq) < before.lastSeq) reader.fallBehind();
    if (!before.ended || !head.ended || topic.end) return;
    const { session } = await this.sessions.get(SYSTEM, topic.log.sessionId);
    if (isEnded(session.status)) topic.markEnded(head.lastSeq, session.status);
  }
}
