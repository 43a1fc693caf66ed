import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { storable } from '../core/text.js';
import { EventLog } from '../events/event-log.service.js';
import type { Appended, EventDraft } from '../events/event-log.types.js';
import { PAYLOADS } from '../events/event-payloads.types.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { SessionLifecycle } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';
import type { SessionStatus } from './session.types.js';

/** Events of a reporter that are requests to the state machine. */
export const REPORTED_MOVES = ['turn', 'session_start', 'session_stop'] as const;
export const isReportedMove = (type: string): boolean => REPORTED_MOVES.some((each) => each === type);

/** The state of sessions whose agent somebody else runs: it follows what is reported. */
@Injectable()
export class ExternalSessions {
  constructor(
    private readonly lifecycle: SessionLifecycle,
    private readonly turns: TurnsRepository,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
  ) {}

  /** Stores a reported move with what it does to the session; a repeated one does nothing again. */
  reportMove(principal: Principal, sessionId: string, draft: EventDraft): Promise<Appended> {
    return this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (draft.type === 'turn') return this.reportTurn(work, principal, session, draft);
      const [appended] = await this.log.appendIn(work, sessionId, [draft]);
      if (!appended) throw new Error('an append without a result');
      if (!appended.duplicate) await this.moveTo(work, principal, session, draft.type === 'session_start' ? 'running' : 'idle');
      return appended;
    });
  }

  /** An agent that is heard again after it had stopped is running again. */
  async heard(principal: Principal, sessionId: string): Promise<void> {
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (session.status === 'idle' || session.status === 'suspended') await this.moveTo(work, principal, session, 'running');
    });
  }

  private async reportTurn(work: Work, principal: Principal, session: SessionEntity, draft: EventDraft): Promise<Appended> {
    const last = await this.turns.lastTurn(session.id);
    const isOpen = last !== null && last.endedAt === null;
    const turn = PAYLOADS.turn.safeParse(draft.payload);
    // The log says what is wrong with it.
    const { state, stopReason } = turn.success ? turn.data : { state: undefined, stopReason: undefined };
    const isStart = state === 'started';
    const number = isStart && !isOpen ? (last?.number ?? 0) + 1 : (last?.number ?? 1);
    const [appended] = await this.log.appendIn(work, session.id, [{ ...draft, turn: number }]);
    if (!appended) throw new Error('an append without a result');
    if (appended.duplicate) return appended;
    const now = this.scope.nowIso();
    if (isStart && !isOpen)
      await this.turns.addTurn({
        sessionId: session.id,
        number,
        inputId: null,
        state: 'started',
        stopReason: null,
        startedAt: now,
        endedAt: null,
        endedSeq: null,
      });
    if (!isStart && isOpen)
      await this.turns.updateTurn(session.id, number, {
        state,
        stopReason: stopReason === undefined ? null : storable(stopReason, 128),
        endedAt: now,
        endedSeq: appended.seq,
      });
    await this.moveTo(work, principal, session, isStart ? 'running' : 'idle');
    return appended;
  }

  private async moveTo(work: Work, by: Principal, session: SessionEntity, to: SessionStatus): Promise<void> {
    if (session.status !== to) await this.lifecycle.moveIn(work, session, to, { by });
  }
}
