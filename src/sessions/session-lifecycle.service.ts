import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { SYSTEM } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { storable } from '../core/text.js';
import { EventLog } from '../events/event-log.service.js';
import type { InputEntity, SessionEntity } from './persistence/session.entity.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { storedContent } from './dto/content.validator.js';
import { begunOf } from './begun-turn.js';
import { failureOf, isResumable, statusAfterTurn } from './modes/mode-outcome.js';
import { draft } from './session-drafts.js';
import type { MoveOptions } from './session-lifecycle.types.js';
import { SessionParts } from './session-parts.service.js';
import { givesUpQuestions, isEnded, isLive, mayMove } from './session.state.js';
import type { SessionStatus } from './session.types.js';
import { IllegalMoveError, SessionNotFoundError } from './sessions.errors.js';
import type { BegunTurn, TurnEnd } from './turn.types.js';

/** Characters of an end reason that are kept. */
const MAX_REASON = 8_000;

/**
 * The moves of a session. Each is one unit of work: the row, a `status` event and the domain event, under the lock of the log.
 * For those who drive sessions; it asks nobody's permission.
 */
@Injectable()
export class SessionLifecycle {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly turns: TurnsRepository,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
    private readonly parts: SessionParts,
  ) {}

  /** @throws SessionNotFoundError, IllegalMoveError */
  move(id: string, to: SessionStatus, options: MoveOptions = {}): Promise<SessionEntity> {
    return this.unit.run(async (work) => this.moveIn(work, await this.lock(work, id), to, options));
  }

  /**
   * Takes a queued session for launching; null where somebody else did, or it is no longer queued. With `inDoubt`, one that an earlier call
   * may have taken without hearing of it is taken for ours.
   */
  claim(id: string, ownerNode: string | null = null, inDoubt = false): Promise<SessionEntity | null> {
    return this.unit.run(async (work) => {
      const session = await this.lockIfThere(work, id);
      if (inDoubt && session?.status === 'starting') return session;
      if (session?.status !== 'queued') return null;
      return this.moveIn(work, session, 'starting', { changes: { ownerNode, startedAt: this.clock.nowIso() } });
    });
  }

  /** A session as it stands; null where there is none. */
  find(id: string): Promise<SessionEntity | null> {
    return this.sessions.find(id);
  }

  /** All sessions in any of these statuses, oldest first. */
  findIn(statuses: readonly SessionStatus[]): Promise<SessionEntity[]> {
    return this.sessions.findIn(statuses);
  }

  /** Whether an input waits for a turn. */
  async hasWaitingInput(id: string): Promise<boolean> {
    return (await this.turns.nextInput(id)) !== null;
  }

  /** Notes what is known of the agent without moving. */
  async note(
    id: string,
    changes: Partial<Pick<SessionEntity, 'processId' | 'processStartedAt' | 'agentSessionId' | 'contextDue' | 'model' | 'agentMode'>>,
  ): Promise<void> {
    await this.unit.run(async (work) => {
      await this.lock(work, id);
      const { agentSessionId } = changes;
      await this.sessions.update(id, agentSessionId ? { ...changes, agentSessionId: storable(agentSessionId, 256) } : changes);
    });
  }

  /**
   * Hands the oldest waiting input to a new turn and moves the session to `running`; null where none waits, or the session
   * is not ready for one. From now on the input is on its way: {@link confirmDelivery} says that it arrived.
   */
  beginTurn(id: string, inDoubt = false): Promise<BegunTurn | null> {
    return this.unit.run(async (work) => {
      const session = await this.lockIfThere(work, id);
      if (inDoubt && session?.status === 'running') return this.turnUnderWay(id);
      if (!session || !(session.status === 'starting' || session.status === 'idle')) return null;
      const input = await this.turns.nextInput(id);
      if (!input) return null;
      const last = await this.turns.lastTurn(id);
      const turn = (last?.number ?? 0) + 1;
      await this.turns.addTurn({
        sessionId: id,
        number: turn,
        inputId: input.id,
        state: 'started',
        stopReason: null,
        startedAt: this.clock.nowIso(),
        endedAt: null,
        endedSeq: null,
      });
      await this.turns.updateInput(input.id, { turn });
      await this.moveIn(work, session, 'running', {});
      await this.log.appendIn(work, id, [draft('turn', turn, { state: 'started' })]);
      return begunOf(session, turn, input, 0);
    });
  }

  /** The turn that has not ended yet; null where there is none. */
  async turnUnderWay(id: string): Promise<BegunTurn | null> {
    const [session, last] = [await this.sessions.find(id), await this.turns.lastTurn(id)];
    const input = last?.inputId && last.endedAt === null ? await this.turns.findInput(last.inputId) : null;
    if (!session || !last || !input) return null;
    const elapsedMs = Math.max(0, Date.parse(this.clock.nowIso()) - Date.parse(last.startedAt));
    return begunOf(session, last.number, input, elapsedMs);
  }

  /** Puts an idle session aside whose process is to be freed; false where it is not idle any more, an input waits, or its mode can't be resumed. */
  suspendIdle(id: string, reason: string, inDoubt = false): Promise<boolean> {
    return this.unit.run(async (work) => {
      const session = await this.lockIfThere(work, id);
      if (inDoubt && session?.status === 'suspended') return true;
      if (session?.status !== 'idle' || !isResumable(session) || (await this.turns.nextInput(id))) return false;
      await this.moveIn(work, session, 'suspended', { reason, changes: { processId: null, processStartedAt: null } });
      return true;
    });
  }

  /** The agent has the input. */
  async confirmDelivery(sessionId: string, inputId: string): Promise<void> {
    await this.unit.run(async (work) => {
      await this.lock(work, sessionId);
      await this.turns.confirmInput(inputId, this.clock.nowIso());
    });
  }

  /**
   * Ends the turn under way, if there is one, and moves on: to `idle`, or where the turn failed or the mode says so, to its end. Gives the
   * status it has then; null where there is no such session.
   */
  endTurn(id: string, turn: number, end: TurnEnd): Promise<SessionStatus | null> {
    return this.unit.run(async (work) => {
      const session = await this.lockIfThere(work, id);
      if (!session || isEnded(session.status)) return session?.status ?? null;
      const last = await this.turns.lastTurn(id);
      // Sent again because nobody heard that it was kept.
      if (last?.number === turn && last.endedAt !== null) return session.status;
      await this.closeTurnIn(work, session, turn, end);
      if (session.status !== 'running' && session.status !== 'awaiting_approval') return session.status;
      const to = statusAfterTurn(session, end.state, (await this.turns.nextInput(id)) !== null);
      return (await this.moveIn(work, session, to, end.error === undefined ? {} : { reason: end.error })).status;
    });
  }

  /**
   * Ends a session, suspends it, or marks it `lost`, because its process is gone: closes the turn under way, reports inputs of which
   * nobody knows whether they arrived, and says why. A failed run of a session that has a mode is `suspended`. Does nothing where the
   * session has ended already. One that was to be stopped after it was to be suspended is stopped.
   */
  processGone(
    id: string,
    wanted: 'failed' | 'stopped' | 'suspended' | 'lost' | 'completed' | 'expired',
    options: MoveOptions,
  ): Promise<SessionEntity | null> {
    return this.unit.run(async (work) => {
      const session = await this.lockIfThere(work, id);
      if (!session || isEnded(session.status)) return null;
      const to = wanted === 'suspended' && session.stopRequestedAt !== null ? 'stopped' : wanted;
      const last = await this.turns.lastTurn(id);
      if (last && last.endedAt === null)
        await this.closeTurnIn(
          work,
          session,
          last.number,
          to === 'stopped' || to === 'suspended'
            ? { state: 'cancelled', stopReason: to }
            : { state: to === 'lost' ? 'lost' : 'failed', error: options.reason },
        );
      for (const input of await this.turns.handedOver(id)) await this.doubt(work, input);
      const outcome = to === 'failed' ? failureOf(session) : to;
      if (!mayMove(session.status, outcome, session.runtime)) return session;
      const changes = { processId: null, processStartedAt: null, suspendRequestedAt: null, ...options.changes };
      return this.moveIn(work, session, outcome, { ...options, changes });
    });
  }

  /** Sessions with an input that waits for a turn. */
  withWaitingInput(): Promise<string[]> {
    return this.turns.sessionsWaiting();
  }

  /** Marks what waits in a session as `unknown`, so that no turn takes it, and puts a queued session aside as `suspended`. */
  doubtWaiting(id: string, reason: string): Promise<void> {
    return this.unit.run(async (work) => {
      const session = await this.lockIfThere(work, id);
      if (!session || isEnded(session.status)) return;
      for (let input = await this.turns.nextInput(id); input; input = await this.turns.nextInput(id)) await this.doubt(work, input);
      if (session.status === 'queued') await this.moveIn(work, session, 'suspended', { reason });
    });
  }

  /** A move inside a unit that holds the lock ({@link lock}) and has the row. @throws IllegalMoveError */
  async moveIn(work: Work, session: SessionEntity, to: SessionStatus, options: MoveOptions): Promise<SessionEntity> {
    const from = session.status;
    if (!mayMove(from, to, session.runtime)) throw new IllegalMoveError(session.id, from, to, session.runtime);
    const { by = SYSTEM, reason, exitCode, exitSignal } = options;
    const now = this.clock.nowIso();
    const ends = isEnded(to);
    if (givesUpQuestions(from, to)) await this.parts.close(work, session, reason ?? `the session became ${to}`, by);
    const changes: Partial<SessionEntity> = {
      ...options.changes,
      status: to,
      updatedAt: now,
      version: session.version + 1,
      ...(ends ? { endedAt: now } : {}),
      ...(reason === undefined ? {} : { endReason: isLive(to) ? null : storable(reason, MAX_REASON) }),
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(exitSignal === undefined ? {} : { exitSignal }),
    };
    await this.sessions.update(session.id, changes);
    const facts = {
      ...(reason === undefined ? {} : { reason }),
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(exitSignal === undefined ? {} : { exitSignal }),
    };
    await this.log.appendIn(work, session.id, [{ ...draft('status', null, { from, to, ...facts }), actor: by.id }], { ends });
    work.emit('session.status-changed', subjectOf(session, by), { sessionId: session.id, from, to, ...facts });
    return { ...session, ...changes };
  }

  /** Nothing is asked any more, or (`why`) it is given up: on with the turn, or at rest where none is under way. Gives the row as it is then. */
  async goOnIn(work: Work, session: SessionEntity, by: Principal, why?: string): Promise<SessionEntity> {
    if (why !== undefined) await this.parts.close(work, session, why, by);
    if (session.status !== 'awaiting_approval') return session;
    const last = await this.turns.lastTurn(session.id);
    const isAtWork = session.runtime === 'external' || (last !== null && last.endedAt === null);
    return this.moveIn(work, session, isAtWork ? 'running' : 'idle', { by });
  }

  /** Removes its row with all that hangs on it; its log is removed before. */
  async removeIn(work: Work, id: string): Promise<void> {
    await this.parts.remove(work, id);
    await this.sessions.remove(id);
  }

  /** Locks the session for this unit and reads its row. @throws SessionNotFoundError */
  async lock(work: Work, id: string): Promise<SessionEntity> {
    const session = await this.lockIfThere(work, id);
    if (!session) throw new SessionNotFoundError(id);
    return session;
  }

  /** As {@link lock}; null where there is no such session. */
  async lockIfThere(work: Work, id: string): Promise<SessionEntity | null> {
    return (await this.log.tryLock(work, id)) ? this.sessions.find(id) : null;
  }

  /** Nobody knows whether it arrived. */
  private async doubt(work: Work, { id, sessionId, turn, content }: InputEntity): Promise<void> {
    await this.turns.updateInput(id, { state: 'unknown' });
    await this.log.appendIn(work, sessionId, [draft('input', turn, { inputId: id, content: storedContent(content), state: 'unknown' })]);
  }

  /** Ends a turn inside a unit that holds the lock; what its agent asked in it is given up. */
  async closeTurnIn(work: Work, session: SessionEntity, turn: number, { state, stopReason, error }: TurnEnd): Promise<void> {
    const { id } = session;
    await this.parts.close(work, session, error ?? 'its turn ended', SYSTEM);
    const [ended] = await this.log.appendIn(work, id, [
      draft('turn', turn, { state, ...(stopReason === undefined ? {} : { stopReason }), ...(error === undefined ? {} : { error }) }),
    ]);
    await this.turns.updateTurn(id, turn, {
      state,
      stopReason: stopReason === undefined ? null : storable(stopReason, 128),
      endedAt: this.clock.nowIso(),
      endedSeq: ended?.seq ?? null,
    });
  }
}

/** What a domain event of a session is about. */
export const subjectOf = (session: Pick<SessionEntity, 'id' | 'workspaceId' | 'ownerId'>, by: Principal) => ({
  sessionId: session.id,
  workspaceId: session.workspaceId,
  ownerId: session.ownerId,
  actor: by.id,
});
