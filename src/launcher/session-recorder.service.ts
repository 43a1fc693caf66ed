import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { isUnavailable } from '../core/errors/domain.error.js';
import { Shutdown } from '../core/shutdown.js';
import { EventLog } from '../events/event-log.service.js';
import type { Delta, EventDraft } from '../events/event-log.types.js';
import { isKnownType, PAYLOADS } from '../events/event-payloads.types.js';
import { EventConflictError, LogNotFoundError, SessionEndedError } from '../events/events.errors.js';
import { OpenBlocks } from '../events/open-blocks.service.js';

const PAUSES_MS = [100, 500, 2_000, 5_000, 10_000, 20_000, 20_000] as const;

/** A draft, and what it was made of where that should not be lost with it. */
export interface Recordable {
  readonly draft: EventDraft;
  readonly raw?: unknown;
}

/** Writes what agents do into their sessions' logs. Nothing of what an agent says can make it fail. */
@Injectable()
export class SessionRecorder {
  private readonly logger = new Logger(SessionRecorder.name);

  constructor(
    private readonly log: EventLog,
    private readonly blocks: OpenBlocks,
    private readonly shutdown: Shutdown,
  ) {}

  /**
   * Appends in order; resolves when it is on disk. A draft of the wrong form is kept as an opaque `acp_update`; one for a session that
   * has ended or is deleted is dropped.
   * @throws what hinders the log itself (database, overload): the same call may be repeated
   */
  async record(sessionId: string, items: readonly Recordable[]): Promise<void> {
    if (items.length === 0) return;
    const drafts = items.map((item) => wellFormed(item));
    const results = await this.append(sessionId, drafts);
    for (const [index, error] of results.entries()) {
      const draft = drafts[index];
      if (error && draft) await this.recover(sessionId, draft, error);
    }
  }

  /**
   * As {@link record}, again and again while the log can't be written, as with a full disk: the agent's output waits. What is still refused
   * a minute after it was refused for another reason, or after the shutdown began, is lost, with an error.
   */
  async recordPersistently(sessionId: string, items: readonly Recordable[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.record(sessionId, items);
      } catch (error) {
        const isPassing = isUnavailable(error) && !this.shutdown.signal.aborted;
        const pauseMs = PAUSES_MS[attempt] ?? (isPassing ? PAUSES_MS.at(-1) : undefined);
        if (pauseMs === undefined) break;
        this.logger.warn({ msg: 'events of an agent wait: the log could not be written', sessionId, err: error });
        await sleep(pauseMs);
      }
    }
    this.logger.error({ msg: 'events of an agent are lost: the log can not be written', sessionId, events: items.length });
  }

  /** Sends a piece of open text on at once. */
  write(piece: Omit<Delta, 'offset'>): void {
    this.blocks.write(piece);
  }

  /** One entry a draft: what refused it, or null. */
  private async append(sessionId: string, drafts: readonly EventDraft[]): Promise<(Error | null)[]> {
    try {
      return (await this.log.append(sessionId, drafts)).map((result) => (result.ok ? null : result.error));
    } catch (error) {
      if (error instanceof LogNotFoundError) return drafts.map(() => null);
      throw error;
    }
  }

  /** What the log refuses in spite of its form (too deep to be canonical, an impossible id) leaves a trace at least. */
  private async recover(sessionId: string, draft: EventDraft, error: Error): Promise<void> {
    if (isUnavailable(error)) throw error;
    this.logger.debug({ msg: 'an event of an agent was refused', sessionId, eventId: draft.id, type: draft.type, err: error });
    if (error instanceof SessionEndedError || error instanceof EventConflictError) return;
    const { turn, source, actor, type } = draft;
    const text = `an event of the agent could not be stored (${type}): ${error.message}`;
    await this.append(sessionId, [{ turn, source, actor, type: 'log', payload: { level: 'warn', text: text.slice(0, 1_000) } }]);
  }
}

/** The draft, or where its payload is not of its type, an opaque event in its place with all the agent said. */
function wellFormed({ draft, raw }: Recordable): EventDraft {
  if (!isKnownType(draft.type) || PAYLOADS[draft.type].safeParse(draft.payload).success) return draft;
  return { ...draft, type: 'acp_update', payload: { update: raw ?? draft.payload } };
}
