import { Injectable } from '@nestjs/common';
import { SYSTEM } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { LogNotFoundError } from '../events/events.errors.js';
import { EventLog } from '../events/event-log.service.js';
import { EventTrimming } from '../events/event-trimming.service.js';
import type { RetentionRule } from '../workspaces/retention.types.js';
import { RetentionRepository } from './persistence/retention.repository.js';
import { SessionLifecycle, subjectOf } from './session-lifecycle.service.js';

const DAY_MS = 86_400_000;

/**
 * Removes what the oldest events of a session hold: of turns that have ended, and what lies between and before them. An open turn, and
 * what follows it, is never touched; of a session that has ended all may go.
 */
@Injectable()
export class SessionTrimming {
  constructor(
    private readonly turns: RetentionRepository,
    private readonly log: EventLog,
    private readonly trimming: EventTrimming,
    private readonly lifecycle: SessionLifecycle,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** The time before which a rule lets events go; null: its rule is not about age. */
  limitOf({ maxAgeDays }: RetentionRule): string | null {
    return maxAgeDays === null ? null : new Date(this.clock.nowMs() - maxAgeDays * DAY_MS).toISOString();
  }

  /** One unit of work of it, with at most a few hundred events; says how many it was. 0: the rule keeps the rest. */
  async trimNext(sessionId: string, rule: RetentionRule): Promise<number> {
    const head = await this.log.head(sessionId).catch(ignoreDeleted);
    if (!head) return 0;
    const { endedThrough, open } = await this.turns.turnBounds(sessionId);
    const plan = await this.trimming.plan(head, {
      through: head.ended ? head.lastSeq : endedThrough,
      openTurns: head.ended ? new Set() : open,
      keepLast: rule.maxEvents,
      recordedBefore: this.limitOf(rule),
    });
    if (!plan) return 0;
    return this.unit.run(async (work) => {
      const now = await this.log.tryLock(work, sessionId);
      // A log that goes on again has an open turn where it was all to go.
      if (!now || (head.ended && !now.ended) || !(await this.trimming.trim(work, now, plan))) return 0;
      const session = await this.lifecycle.find(sessionId);
      if (!session) return 0;
      await this.turns.forgetInputs(work, sessionId, plan.to);
      if (now.ended && plan.to === now.lastSeq) await this.turns.forgetContent(work, sessionId);
      const events = plan.to - plan.from + 1;
      work.emit('session.trimmed', subjectOf(session, SYSTEM), { sessionId, earliestSeq: plan.to + 1, events });
      return events;
    });
  }
}

function ignoreDeleted(error: unknown): undefined {
  if (!(error instanceof LogNotFoundError)) throw error;
}
