import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { ContentBlock } from '../events/event-payloads.types.js';
import { parseContent } from './dto/content.validator.js';
import type { ResumeSessionRequest } from './dto/lineage.dto.js';
import { assertResumable as assertModeAllows } from './modes/mode-outcome.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { SessionBranching } from './session-branching.service.js';
import { SessionInputs } from './session-inputs.service.js';
import { SessionLifecycle, subjectOf } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';
import { SessionSurroundings } from './session-surroundings.service.js';
import { isEnded, isLive } from './session.state.js';
import { NotSupportedError, SessionStatusError } from './sessions.errors.js';

/** Above every number of an event. */
const ALL = 2_147_483_647;

/** Which session goes on, and whether it was made for that. */
export interface Resumed {
  readonly sessionId: string;
  readonly isNew: boolean;
}

/** Lets sessions go on whose agent is gone: as themselves, or as new ones that begin with what was said. */
@Injectable()
export class SessionResumption {
  constructor(
    private readonly lifecycle: SessionLifecycle,
    private readonly branching: SessionBranching,
    private readonly inputs: SessionInputs,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
    private readonly surroundings: SessionSurroundings,
  ) {}

  /**
   * Stores that a session goes on; its agent is started afterwards.
   * @throws SessionNotFoundError, SessionStatusError, NotSupportedError, WorkspaceBusyError, UnknownAgentError, InvalidInputError
   */
  async resume(principal: Principal, id: string, request: ResumeSessionRequest): Promise<Resumed> {
    const session = await this.scope.findToEdit(principal, id);
    assertResumable(session);
    const content = request.prompt === undefined ? undefined : parseContent(request.prompt);
    const agent = request.agent ?? session.agent;
    if (request.strategy === 'continue' && agent !== session.agent)
      throw new InvalidInputError('agent: a session that continues as itself keeps its agent.', {
        remedy: 'Leave strategy out, or give "new": then a new session with that agent is given the conversation.',
        issues: [{ path: 'agent', message: 'not with strategy continue' }],
      });
    const nowIso = this.scope.nowIso();
    const isNew = request.strategy === 'new' || agent !== session.agent || (request.strategy === undefined && isEnded(session.status));
    if (!isNew) {
      await this.goOn(principal, session, content);
      return { sessionId: session.id, isNew };
    }
    const sessionId = await this.branching.branch(principal, session, {
      ...{ agent, content, launch: true, nowIso },
      through: (source) => {
        assertResumable(source);
        return ALL;
      },
      fields: fieldsOf(session, nowIso),
    });
    return { sessionId, isNew };
  }

  private async goOn(principal: Principal, { id, workspaceId }: SessionEntity, content: ContentBlock[] | undefined): Promise<void> {
    await this.unit.run(async (work) => {
      await this.surroundings.assertRoom(workspaceId);
      const session = await this.lifecycle.lock(work, id);
      assertResumable(session);
      if (isEnded(session.status))
        throw new SessionStatusError(`A session that is ${session.status} has ended: it can't continue as itself.`, {
          remedy: 'Leave strategy out, or give "new": then a new session begins with what was said in it.',
          context: { status: session.status, possible: ['new'] },
        });
      const now = this.scope.nowIso();
      const changes = {
        ...{ lastResumedAt: now, launch: true, contextDue: contextDueOf(session), suspendRequestedAt: null },
        ...{ endReason: null, exitCode: null, exitSignal: null, processId: null, processStartedAt: null },
      };
      const resumed = await this.lifecycle.moveIn(work, session, 'queued', {
        by: principal,
        reason: `resumed by ${principal.id}`,
        changes,
      });
      if (content) await this.inputs.acceptIn(work, principal, resumed, { content, agentMode: null });
      work.emit('session.resumed', subjectOf(session, principal), { sessionId: id, from: session.status });
    });
  }
}

/** An agent that was not told yet, or has no conversation of its own, is told; a command takes each prompt by itself. */
function contextDueOf({ runtime, agentSessionId, contextDue }: SessionEntity): SessionEntity['contextDue'] {
  if (runtime !== 'acp') return null;
  return contextDue ?? (agentSessionId === null ? 'text' : 'native');
}

const fieldsOf = ({ id, phase, step, state, lastMessagePreview }: SessionEntity, nowIso: string): Partial<SessionEntity> => ({
  resumedFromId: id,
  lastResumedAt: nowIso,
  phase,
  step,
  state,
  lastMessagePreview,
});

/** @throws SessionStatusError, NotSupportedError that say what is possible */
function assertResumable(session: SessionEntity): void {
  const { status, runtime, suspendRequestedAt } = session;
  if (runtime === 'external')
    throw new NotSupportedError("An external session can't be resumed from here: its agent is not ours.", {
      remedy: 'Resume it in the agent itself: it is running again as soon as it is reported. Or fork it, with the name of an agent.',
      context: { status, possible: ['fork'] },
    });
  if (!isLive(status)) return assertModeAllows(session, 'resumed');
  const isWaiting = status === 'queued' || status === 'starting';
  throw new SessionStatusError(`A session that is ${status} needs no resume: its agent is there, or on its way.`, {
    remedy:
      suspendRequestedAt !== null
        ? 'It is being suspended: wait for that, and ask again.'
        : `${isWaiting ? 'Wait for it' : 'Send it the next prompt (POST /api/sessions/:id/input)'}, or suspend or stop it first; a fork begins a second session.`,
    context: { status, possible: ['input', 'suspend', 'stop', 'fork'] },
  });
}
