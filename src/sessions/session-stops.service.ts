import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import type { SessionWithHead } from './persistence/sessions.repository.js';
import { SessionWaiter } from './session-waiter.service.js';
import { isEnded } from './session.state.js';
import { SessionsService } from './sessions.service.js';

/** How long an answer waits for the agent's verified death. */
const WAIT_MS = 10_000;

/** Stops a session and waits for it. */
@Injectable()
export class SessionStops {
  constructor(
    private readonly sessions: SessionsService,
    private readonly waiter: SessionWaiter,
  ) {}

  /** @throws SessionNotFoundError, IllegalMoveError where it has ended otherwise */
  async stop(principal: Principal, id: string): Promise<{ view: SessionWithHead; isEnded: boolean }> {
    const asked = await this.sessions.stop(principal, id);
    const sessionId = asked.session.id;
    await this.waiter.until(sessionId, (session) => session === null || isEnded(session.status), WAIT_MS);
    const view = await this.sessions.get(principal, sessionId);
    return { view, isEnded: isEnded(view.session.status) };
  }
}
