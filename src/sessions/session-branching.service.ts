import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { EventCopying } from '../events/event-copying.service.js';
import type { ContentBlock } from '../events/event-payloads.types.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { SessionCreation, SOURCE } from './session-creation.service.js';
import { SessionLifecycle } from './session-lifecycle.service.js';
import { SessionSurroundings } from './session-surroundings.service.js';
import { NotSupportedError } from './sessions.errors.js';
import { newSessionRow } from './session-row.js';

/** How a session begins that goes on from another one. */
export interface Branch {
  readonly agent?: string;
  readonly content?: ContentBlock[];
  readonly launch: boolean;
  readonly nowIso: string;
  /** Says, of the other one as it stands then, up to which event it is copied. @throws DomainError where it can't be */
  readonly through: (source: SessionEntity) => number | Promise<number>;
  /** What its row has that the other one's has not. */
  readonly fields: Partial<SessionEntity>;
}

/** Makes sessions that begin with the conversation of another one. */
@Injectable()
export class SessionBranching {
  constructor(
    private readonly creation: SessionCreation,
    private readonly lifecycle: SessionLifecycle,
    private readonly turns: TurnsRepository,
    private readonly copying: EventCopying,
    private readonly unit: UnitOfWork,
    private readonly surroundings: SessionSurroundings,
  ) {}

  /** Gives the id of the new session. @throws UnknownAgentError, ForbiddenError, PathError, NotSupportedError, WorkspaceBusyError */
  async branch(principal: Principal, source: SessionEntity, branch: Branch): Promise<string> {
    const to = this.agentOf(source, branch.agent);
    await this.surroundings.placeOf(principal, source);
    return this.unit.run(async (work) => {
      await this.surroundings.assertRoom(source.workspaceId);
      const from = await this.lifecycle.lock(work, source.id);
      const through = await branch.through(from);
      const { nowIso, launch, fields } = branch;
      // A command takes each prompt by itself: it has no conversation that it could be given.
      const contextDue = to.runtime === 'acp' ? 'text' : null;
      const session = newSessionRow(nowIso, { ...inherited(from, to), contextDue, ownerId: principal.id, launch, ...fields });
      const withoutInputs = await this.turns.undelivered(from.id);
      await this.creation.storeIn(work, principal, session, {
        content: branch.content,
        fill: () => this.copying.copyIn(work, { from: from.id, to: session.id, through, withoutInputs }),
      });
      return session.id;
    });
  }

  private agentOf({ agent, runtime }: SessionEntity, wanted = agent): Pick<SessionEntity, 'agent' | 'runtime'> {
    if (runtime === 'external' && wanted === agent)
      throw new NotSupportedError('An external session has no agent of ours that could go on.', {
        remedy: 'Name the agent that is to go on: see GET /api/agents.',
      });
    const found = this.surroundings.agent({ agent: wanted }, null);
    if (found.runtime === 'process' && found.agent !== agent)
      throw new NotSupportedError(`The agent "${found.agent}" takes each prompt by itself: it can't be given a conversation.`, {
        remedy: 'Name an agent that keeps a conversation, one of the runtime acp: see GET /api/agents.',
      });
    return found;
  }
}

/** What goes over; a model and a mode are an agent's own. */
function inherited(from: SessionEntity, to: Pick<SessionEntity, 'agent' | 'runtime'>) {
  const { workspaceId, name, groupId, mode, modeRules, model, agentMode, mcpServers, projectDir, metadata, policy } = from;
  return {
    ...{ source: SOURCE, workspaceId, name, groupId, mode, modeRules, mcpServers, projectDir, metadata, policy, ...to },
    ...(to.agent === from.agent ? { model, agentMode } : {}),
    status: 'queued' as const,
    origin: 'launched' as const,
  };
}
