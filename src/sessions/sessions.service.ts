import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { changedFields } from '../core/event-bus/changed-fields.js';
import type { Page } from '../core/paging/page.js';
import { EventLog } from '../events/event-log.service.js';
import { parseContent } from './dto/content.validator.js';
import type { ListSessionsQuery, PatchSessionRequest, SessionInputRequest } from './dto/session-requests.dto.js';
import type { InputEntity, SessionEntity } from './persistence/session.entity.js';
import { SessionsRepository, type SessionWithHead } from './persistence/sessions.repository.js';
import { SessionInputs } from './session-inputs.service.js';
import { SessionLifecycle, subjectOf } from './session-lifecycle.service.js';
import { assertVersion } from './session-versions.js';
import { SessionScope } from './session-scope.service.js';
import { isLive } from './session.state.js';
import { NotSupportedError, SessionLiveError, SessionStatusError } from './sessions.errors.js';

/** Sessions that some process of ours may be working for, so that a stop is its launcher's to carry out. */
const LAUNCHED_RUNTIMES: readonly string[] = ['acp', 'process', 'terminal'];

/** Sessions, for those who may see them. What one may not see is not there. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly inputs: SessionInputs,
    private readonly lifecycle: SessionLifecycle,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
  ) {}

  /** @throws SessionNotFoundError */
  get(principal: Principal, id: string): Promise<SessionWithHead> {
    return this.scope.findView(principal, id);
  }

  /** @throws InvalidInputError where the cursor is not of this list */
  list(principal: Principal, query: ListSessionsQuery): Promise<Page<SessionWithHead>> {
    const { cursor, limit, total, sort = '-createdAt', ...filter } = query;
    return this.sessions.list(filter, this.scope.visibilityOf(principal), { sort, cursor, limit, total });
  }

  /** @throws SessionNotFoundError, VersionConflictError */
  async patch(
    principal: Principal,
    id: string,
    { version, metadata, ...fields }: PatchSessionRequest,
    versions?: readonly string[],
  ): Promise<SessionWithHead> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      assertVersion(session, version, versions);
      const changes: Partial<SessionEntity> = { ...fields, ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }) };
      const changed = Object.entries(changes).flatMap(([key, value]) => (value === undefined ? [] : [key]));
      if (changed.length === 0) return;
      await this.sessions.update(sessionId, { ...changes, version: session.version + 1, updatedAt: this.scope.nowIso() });
      const [before, after] = [changedFields(visibleOf(session), changed), changedFields(visibleOf({ ...session, ...changes }), changed)];
      work.emit('session.updated', subjectOf(session, principal), { sessionId, changed, before, after });
    });
    return this.get(principal, sessionId);
  }

  /** Some session that works in this directory, or below it, whoever may see it. */
  findAnyIn(directory: string): Promise<SessionEntity | null> {
    return this.sessions.findInDirectory(directory);
  }

  /** Deletes a session with its log. @throws SessionNotFoundError, SessionLiveError */
  async remove(principal: Principal, id: string, { force = false }: { force?: boolean } = {}): Promise<string> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (isLive(session.status) && !force)
        throw new SessionLiveError(`The session is ${session.status}.`, { remedy: 'Stop it first, or delete it with ?force=true.' });
      await this.log.remove(work, sessionId);
      await this.lifecycle.removeIn(work, sessionId);
      const { name, status } = session;
      work.emit('session.deleted', subjectOf(session, principal), { sessionId, name, status });
    });
    return sessionId;
  }

  /**
   * Takes a prompt: durable when this resolves, delivered in order.
   * @throws SessionNotFoundError, SessionStatusError where nobody could take it
   */
  async input(principal: Principal, id: string, request: SessionInputRequest): Promise<InputEntity> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    const content = parseContent(request.content) ?? [];
    return this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (session.runtime === 'external')
        throw new NotSupportedError('An external session takes no input: its agent is not ours.', {
          remedy: 'Type into the agent itself.',
        });
      if (!isLive(session.status) || session.stopRequestedAt !== null || session.suspendRequestedAt !== null) throw inputRefused(session);
      const { status } = session;
      if (request.interrupt) {
        await this.lifecycle.goOnIn(work, session, principal, interruptedBy(principal));
        work.emit('session.interrupt-requested', subjectOf(session, principal), { sessionId, status });
      }
      return this.inputs.acceptIn(work, principal, session, { content, agentMode: request.agentMode ?? null });
    });
  }

  /** Asks the turn under way to end. @throws SessionNotFoundError, SessionStatusError where none is */
  async interrupt(principal: Principal, id: string): Promise<SessionWithHead> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (session.runtime === 'external') throw new NotSupportedError("An external session can't be interrupted from here.");
      if (session.status !== 'running' && session.status !== 'awaiting_approval')
        throw new SessionStatusError(`No turn is under way: the session is ${session.status}.`, { context: { status: session.status } });
      await this.lifecycle.goOnIn(work, session, principal, interruptedBy(principal));
      work.emit('session.interrupt-requested', subjectOf(session, principal), { sessionId, status: session.status });
    });
    return this.get(principal, sessionId);
  }

  /**
   * Ends a session. Where an agent of ours runs, its launcher ends it and {@link SessionStops.waitUntilEnded} tells when.
   * @throws SessionNotFoundError, IllegalMoveError where it has ended otherwise
   */
  async stop(principal: Principal, id: string): Promise<SessionWithHead> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      if (session.status === 'stopped' || session.stopRequestedAt !== null) return;
      const isOurs = LAUNCHED_RUNTIMES.includes(session.runtime) && isLive(session.status) && session.status !== 'queued';
      const changes = { stopRequestedAt: this.scope.nowIso() };
      if (!isOurs) {
        await this.lifecycle.moveIn(work, session, 'stopped', { by: principal, reason: `stopped by ${principal.id}`, changes });
        return;
      }
      const { version } = await this.lifecycle.goOnIn(work, session, principal, `stopped by ${principal.id}`);
      await this.sessions.update(sessionId, { ...changes, version: version + 1, updatedAt: changes.stopRequestedAt });
      work.emit('session.stop-requested', subjectOf(session, principal), { sessionId, status: session.status });
    });
    return this.get(principal, sessionId);
  }
}

const interruptedBy = ({ id }: Principal): string => `interrupted by ${id}`;

const visibleOf = (session: SessionEntity): Record<string, unknown> => ({ ...session, metadata: JSON.parse(session.metadata) });

function inputRefused(session: SessionEntity): SessionStatusError {
  const { status } = session;
  const resume = 'POST /api/sessions/:id/resume';
  if (!isLive(status))
    return new SessionStatusError(`A session that is ${status} takes no input.`, {
      remedy:
        status === 'suspended' || status === 'lost'
          ? `Resume it first (${resume}).`
          : `Go on in a new session with what was said here: ${resume}.`,
      context: { status, possible: ['resume'] },
    });
  const end = session.stopRequestedAt === null ? 'suspended' : 'stopped';
  return new SessionStatusError(`A session that is being ${end} takes no input.`, {
    remedy: `Wait until it is ${end}, then resume it (${resume}).`,
    context: { status, possible: [] },
  });
}
