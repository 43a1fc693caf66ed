import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.types.js';
import { Clock } from '../../core/clock.js';
import { ExternalSessions } from '../../sessions/external-sessions.service.js';
import type { SessionEntity } from '../../sessions/persistence/session.entity.js';
import { SessionCreation } from '../../sessions/session-creation.service.js';
import { SessionScope } from '../../sessions/session-scope.service.js';
import { SessionStops } from '../../sessions/session-stops.service.js';
import { ExternalIdTakenError, SessionNotFoundError } from '../../sessions/sessions.errors.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { AO_KEPT, AO_SOURCE, timeOf } from './ao-event.types.js';
import { factsOf, type KeptOfSession, newestFirst, NO_AGENT, type SessionFacts, shownStatus } from './ao-session-row.js';
import type { SessionCreate, SessionMetadata } from './ao-input.js';

const PAGE = 200;

/** Sessions as clients of agent-orchestrator name them: all that may be seen, by the id they gave, or by ours. */
@Injectable()
export class AoSessions {
  constructor(
    private readonly sessions: SessionsService,
    private readonly creation: SessionCreation,
    private readonly external: ExternalSessions,
    private readonly stops: SessionStops,
    private readonly scope: SessionScope,
    private readonly clock: Clock,
  ) {}

  async find(principal: Principal, sessionId: string): Promise<SessionEntity | null> {
    const reported = await this.scope.findReported(principal, AO_SOURCE, sessionId);
    // `ext:` names something else among our ids.
    if (reported || sessionId.startsWith('ext:')) return reported;
    try {
      return await this.scope.find(principal, sessionId);
    } catch (error) {
      if (error instanceof SessionNotFoundError) return null;
      throw error;
    }
  }

  /** @throws SessionNotFoundError */
  async get(principal: Principal, sessionId: string): Promise<SessionEntity> {
    const session = await this.find(principal, sessionId);
    if (!session) throw new SessionNotFoundError(sessionId);
    return session;
  }

  /** All of them, newest first. */
  async list(principal: Principal): Promise<SessionFacts[]> {
    const all: { facts: SessionFacts }[] = [];
    for await (const session of this.each(principal)) all.push({ facts: factsOf(session) });
    return newestFirst(all).map(({ facts }) => facts);
  }

  /** The newest of this name. @throws SessionNotFoundError */
  async getByName(principal: Principal, name: string): Promise<SessionEntity> {
    if (name.length > 0 && name.length <= 256)
      for await (const session of this.each(principal, name)) if (session.name === name) return session;
    throw new SessionNotFoundError(name);
  }

  /** `kept`: what the row has no place for. @throws ExternalIdTakenError, ForbiddenError */
  async create(principal: Principal, request: SessionCreate, kept: KeptOfSession = {}): Promise<SessionEntity> {
    const { session_id: externalId, session_name: name } = request;
    if (await this.find(principal, externalId)) throw new ExternalIdTakenError('Session already exists');
    const { session } = await this.creation.create(
      principal,
      {
        runtime: 'external',
        externalId,
        name,
        agentName: request.agent_name ?? NO_AGENT,
        ...(request.project_dir ? { projectDir: request.project_dir } : {}),
        ...(Object.keys(kept).length > 0 ? { metadata: { [AO_KEPT]: kept } } : {}),
      },
      AO_SOURCE,
    );
    return session;
  }

  /** Null changes nothing, as there. A session of ours has a name only that could change. @throws SessionNotFoundError, ForbiddenError */
  async describe(principal: Principal, sessionId: string, changes: SessionMetadata): Promise<SessionEntity> {
    const session = await this.get(principal, sessionId);
    const { session_name: name, project_dir: projectDir, agent_name: agent, last_resumed_at: resumed } = changes;
    if (session.runtime !== 'external') await this.sessions.patch(principal, session.id, name ? { name } : {});
    else
      await this.external.describe(principal, session.id, {
        ...(typeof name === 'string' ? { name } : {}),
        ...(typeof projectDir === 'string' ? { projectDir } : {}),
        ...(typeof agent === 'string' ? { agent } : {}),
        ...(typeof resumed === 'string'
          ? {
              resumedAt: timeOf(resumed) ?? this.clock.nowIso(),
              metadata: { [AO_KEPT]: { ...factsOf(session).kept, lastResumedAt: resumed } },
            }
          : {}),
      });
    return this.scope.find(principal, session.id);
  }

  /** Ends its agent where that is ours; one that somebody else runs is noted as at rest. @throws SessionNotFoundError, ForbiddenError */
  async stop(principal: Principal, sessionId: string): Promise<{ session: SessionEntity; status: 'stopped' | 'stopping' | 'finished' }> {
    const session = await this.get(principal, sessionId);
    await this.scope.findToEdit(principal, session.id);
    if (shownStatus(session.status) === 'finished') return { session, status: 'finished' };
    if (session.runtime === 'external') {
      const payload = { reason: 'stopped' };
      await this.external.reportMove(principal, session.id, { type: 'session_stop', source: 'api', actor: principal.id, payload });
      return { session, status: 'stopped' };
    }
    const { isEnded } = await this.stops.stop(principal, session.id);
    return { session, status: isEnded ? 'stopped' : 'stopping' };
  }

  /** With its log; its agent is ended where it is ours. @throws ForbiddenError */
  async remove(principal: Principal, session: SessionEntity): Promise<void> {
    await this.sessions.remove(principal, session.id, { force: true });
  }

  private async *each(principal: Principal, name?: string): AsyncGenerator<SessionEntity> {
    for (let cursor: string | undefined; ;) {
      const page = await this.sessions.list(principal, {
        sort: '-createdAt',
        limit: PAGE,
        cursor,
        ...(name === undefined ? {} : { q: name }),
      });
      for (const { session } of page.items) yield session;
      if (page.nextCursor === null) return;
      cursor = page.nextCursor;
    }
  }
}
