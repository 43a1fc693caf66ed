import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { changedFields } from '../core/event-bus/changed-fields.js';
import { parseObject } from '../core/json.js';
import { storable } from '../core/text.js';
import { EventLog } from '../events/event-log.service.js';
import type { Appended, EventDraft } from '../events/event-log.types.js';
import { PAYLOADS } from '../events/event-payloads.types.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { SessionLifecycle, subjectOf } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';
import { isEnded } from './session.state.js';
import type { SessionStatus } from './session.types.js';
import { NotSupportedError } from './sessions.errors.js';

/** Events of a reporter that are requests to the state machine. */
export const REPORTED_MOVES = ['turn', 'session_start', 'session_stop'] as const;
export const isReportedMove = (type: string): boolean => REPORTED_MOVES.some((each) => each === type);

/** What a reporter says anew of its session. Absent fields stay as they are. */
export interface Description {
  readonly name?: string;
  readonly projectDir?: string;
  readonly agent?: string;
  /** Its agent goes on: ISO 8601. */
  readonly resumedAt?: string;
  /** Added to what there is. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The state of sessions whose agent somebody else runs: it follows what is reported. */
@Injectable()
export class ExternalSessions {
  constructor(
    private readonly lifecycle: SessionLifecycle,
    private readonly turns: TurnsRepository,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
    private readonly sessions: SessionsRepository,
  ) {}

  /**
   * Changes what is said of a session that was reported; one that is resumed is running again, unless it has ended.
   * @throws SessionNotFoundError, ForbiddenError, NotSupportedError where its agent is ours
   */
  async describe(principal: Principal, id: string, { resumedAt, metadata, ...fields }: Description): Promise<void> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (session.runtime !== 'external') throw new NotSupportedError("What is said of it is not a reporter's: its agent is ours.");
      const changes: Partial<SessionEntity> = {
        ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
        ...(resumedAt === undefined ? {} : { lastResumedAt: resumedAt }),
        ...(metadata === undefined ? {} : { metadata: JSON.stringify({ ...parseObject(session.metadata), ...metadata }) }),
      };
      if (Object.keys(changes).length === 0) return;
      const goesOn = resumedAt !== undefined && !isEnded(session.status) && session.status !== 'running';
      const after: SessionEntity = { ...session, ...changes, ...(goesOn ? { status: 'running' } : {}) };
      const changed = [...Object.keys(changes), ...(goesOn ? ['status'] : [])];
      const told = (row: SessionEntity) => changedFields({ ...row, metadata: parseObject(row.metadata) }, changed);
      // Before the move, so that whoever hears of both in order sees the session as it is.
      work.emit('session.updated', subjectOf(session, principal), { sessionId, changed, before: told(session), after: told(after) });
      if (goesOn) await this.lifecycle.moveIn(work, session, 'running', { by: principal, changes });
      else await this.sessions.update(sessionId, { ...changes, version: session.version + 1, updatedAt: this.scope.nowIso() });
    });
  }

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

  /** The number of the turn under way; null where none is. */
  async openTurn(sessionId: string): Promise<number | null> {
    const last = await this.turns.lastTurn(sessionId);
    return last && last.endedAt === null ? last.number : null;
  }

  /** Its agent has left: a turn under way is over, and the session waits for it to come back. */
  async leave(principal: Principal, sessionId: string, reason: string): Promise<void> {
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (isEnded(session.status) || session.status === 'suspended') return;
      const turn = await this.openTurn(sessionId);
      if (turn !== null) await this.lifecycle.closeTurnIn(work, session, turn, { state: 'cancelled', stopReason: 'session_end' });
      await this.lifecycle.moveIn(work, session, 'suspended', { by: principal, reason });
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

  /** What rests as suspended is at rest already. */
  private async moveTo(work: Work, by: Principal, session: SessionEntity, to: SessionStatus): Promise<void> {
    if (to === 'idle' && session.status === 'suspended') return;
    if (session.status !== to) await this.lifecycle.moveIn(work, session, to, { by });
  }
}
