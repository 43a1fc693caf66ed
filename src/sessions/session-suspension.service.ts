import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { assertResumable as assertModeAllows } from './modes/mode-outcome.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { SessionLifecycle, subjectOf } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';
import { SessionWaiter } from './session-waiter.service.js';
import { isLive } from './session.state.js';
import { SessionStatusError } from './sessions.errors.js';

/** How long an answer waits for the agent's verified death. */
const WAIT_MS = 10_000;

/** Frees the processes of sessions and keeps everything else. */
@Injectable()
export class SessionSuspension {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly lifecycle: SessionLifecycle,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
    private readonly waiter: SessionWaiter,
  ) {}

  /**
   * Suspends a session: a turn under way is cancelled, inputs that wait go on waiting. `isDone`: its process is verified gone.
   * @throws SessionNotFoundError, IllegalMoveError where it has ended, SessionStatusError where it is being stopped
   */
  async suspend(principal: Principal, id: string): Promise<{ sessionId: string; isDone: boolean }> {
    const sessionId = await this.request(principal, id);
    const isDone = await this.waiter.until(sessionId, (session) => session === null || !isLive(session.status), WAIT_MS);
    return { sessionId, isDone };
  }

  private async request(principal: Principal, id: string): Promise<string> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      const { status, runtime, stopRequestedAt, suspendRequestedAt } = session;
      if (status === 'suspended' || suspendRequestedAt !== null) return;
      if (isLive(status) && stopRequestedAt !== null)
        throw new SessionStatusError('The session is being stopped.', {
          remedy: 'Wait until it is stopped; a resume makes a new session with what was said in it.',
          context: { status, possible: [] },
        });
      assertModeAllows(session, 'suspended');
      const isOurs = runtime !== 'external' && isLive(status) && status !== 'queued';
      if (!isOurs) {
        await this.lifecycle.moveIn(work, session, 'suspended', { by: principal, reason: `suspended by ${principal.id}` });
        return;
      }
      const now = this.scope.nowIso();
      const { version } = await this.lifecycle.goOnIn(work, session, principal, `suspended by ${principal.id}`);
      await this.sessions.update(sessionId, { suspendRequestedAt: now, version: version + 1, updatedAt: now });
      work.emit('session.suspend-requested', subjectOf(session, principal), { sessionId, status });
    });
    return sessionId;
  }
}
