import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import type { ForkSessionRequest, ResumeSessionRequest } from './dto/lineage.dto.js';
import type { SessionWithHead } from './persistence/sessions.repository.js';
import { SessionForks } from './session-forks.service.js';
import { SessionResumption } from './session-resumption.service.js';
import { SessionStops } from './session-stops.service.js';
import { SessionSuspension } from './session-suspension.service.js';
import { SessionsService } from './sessions.service.js';

/** What people make of sessions, with the session as it is then: the same over HTTP and WebSocket. */
@Injectable()
export class SessionMoves {
  constructor(
    private readonly sessions: SessionsService,
    private readonly stops: SessionStops,
    private readonly suspension: SessionSuspension,
    private readonly resumption: SessionResumption,
    private readonly forks: SessionForks,
  ) {}

  /** See {@link SessionStops.stop}. */
  stop(principal: Principal, id: string): Promise<{ view: SessionWithHead; isEnded: boolean }> {
    return this.stops.stop(principal, id);
  }

  /** See {@link SessionSuspension.suspend}. */
  async suspend(principal: Principal, id: string): Promise<{ view: SessionWithHead; isDone: boolean }> {
    const { sessionId, isDone } = await this.suspension.suspend(principal, id);
    return { view: await this.sessions.get(principal, sessionId), isDone };
  }

  /** See {@link SessionResumption.resume}. */
  async resume(principal: Principal, id: string, request: ResumeSessionRequest): Promise<{ view: SessionWithHead; isNew: boolean }> {
    const { sessionId, isNew } = await this.resumption.resume(principal, id, request);
    return { view: await this.sessions.get(principal, sessionId), isNew };
  }

  /** See {@link SessionForks.fork}. */
  async fork(principal: Principal, id: string, request: ForkSessionRequest): Promise<SessionWithHead> {
    return this.sessions.get(principal, await this.forks.fork(principal, id, request));
  }
}
