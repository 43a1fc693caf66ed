import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { newId } from '../core/ids.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { EventLog } from '../events/event-log.service.js';
import type { ContentBlock } from '../events/event-payloads.types.js';
import { parseContent, textLength } from './dto/content.validator.js';
import type { CreateSessionRequest } from './dto/create-session.dto.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { rulesOf } from './modes/mode.types.js';
import { policyIn } from './modes/modes.service.js';
import { SessionsRepository, type SessionWithHead } from './persistence/sessions.repository.js';
import { SessionInputs } from './session-inputs.service.js';
import { subjectOf } from './session-lifecycle.service.js';
import { newSessionRow } from './session-row.js';
import { SessionScope } from './session-scope.service.js';
import { SessionSurroundings } from './session-surroundings.service.js';
import type { SessionCreated } from './session.domain-events.js';
import type { RuntimeKind } from './session.types.js';
import { ExternalIdTakenError, SessionNotFoundError } from './sessions.errors.js';

/** Where callers of the canonical API get their external ids from. */
export const SOURCE = 'api';
const NAME_LENGTH = 80;

/** What a session begins with. */
export interface NewSession {
  readonly content?: ContentBlock[];
  readonly fill?: () => Promise<void>;
}

/** Makes sessions: `queued` for the launcher, or `running` where somebody else runs the agent. */
@Injectable()
export class SessionCreation {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly inputs: SessionInputs,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
    private readonly surroundings: SessionSurroundings,
  ) {}

  /**
   * Stores the session and its first input; the agent is started afterwards. `source` says who gave its external id.
   * @throws UnknownAgentError, UnknownModeError, WorkspaceNotFoundError, PathError, ExternalIdTakenError, WorkspaceBusyError, InvalidInputError;
   * with isolation also NotAWorkTreeError, BranchInvalidError, BranchExistsError, UnknownBaseError, GitMissingError
   */
  async create(principal: Principal, request: CreateSessionRequest, source = SOURCE): Promise<SessionWithHead> {
    const isExternal = request.runtime === 'external';
    const mode = this.surroundings.mode(request);
    const { agent, runtime } = isExternal ? reporterOf(request) : this.surroundings.agent(request, mode);
    if (isExternal && request.prompt !== undefined)
      throw new InvalidInputError('prompt: an external session takes none, its agent is not ours.', {
        issues: [{ path: 'prompt', message: 'not with runtime external' }],
      });
    if (request.parentId !== undefined) await this.scope.find(principal, request.parentId);
    const place = await this.surroundings.place(principal, request, isExternal);
    const content = request.prompt === undefined ? undefined : parseContent(request.prompt);
    const [id, now] = [newId(), this.scope.nowIso()];
    const worktree = await this.surroundings.planWorktree(principal, request, place, { id, now });
    const session = newSessionRow(now, {
      id,
      externalId: request.externalId ?? null,
      source,
      workspaceId: place.workspaceId,
      name: request.name ?? nameOf(content, agent),
      agent,
      runtime,
      mode: mode?.id ?? null,
      modeRules: mode && JSON.stringify(rulesOf(mode)),
      status: isExternal ? 'running' : 'queued',
      origin: isExternal ? 'reported' : 'launched',
      parentId: request.parentId ?? null,
      groupId: request.groupId ?? null,
      model: request.model ?? null,
      agentMode: request.agentMode ?? null,
      mcpServers: JSON.stringify(request.mcpServers ?? []),
      projectDir: worktree?.projectDir ?? place.projectDir,
      metadata: JSON.stringify(request.metadata ?? {}),
      policy: policyIn(mode, request.policy, 'ask'),
      isolation: worktree ? 'worktree' : 'none',
      launch: !isExternal && (request.launch ?? true),
      ownerId: principal.id,
      startedAt: isExternal ? now : null,
    });
    try {
      await this.unit.run(async (work) => {
        await this.assertExternalIdFree(session);
        await this.surroundings.assertRoom(place.workspaceId);
        if (worktree) await this.surroundings.addWorktree(worktree);
        await this.storeIn(work, principal, session, { content });
      });
    } catch (error) {
      // Two that begin at once both find the name free: the index lets one of them in.
      await this.assertExternalIdFree(session);
      throw error;
    }
    const view = await this.sessions.findView(session.id);
    if (!view) throw new SessionNotFoundError(session.id);
    return view;
  }

  private async assertExternalIdFree({ ownerId, source, externalId }: SessionEntity): Promise<void> {
    if (externalId === null) return;
    const taken = await this.sessions.findOwnExternal(ownerId, source, externalId);
    if (taken)
      throw new ExternalIdTakenError(`You have a session with this externalId: ${taken.id}.`, {
        remedy: 'Go on with that session, or use another externalId.',
        context: { sessionId: taken.id },
      });
  }

  /** Stores a new session inside a unit of work; `fill` writes what its log begins with. */
  async storeIn(work: Work, principal: Principal, session: SessionEntity, { content, fill }: NewSession): Promise<void> {
    const { id, name, agent, runtime, origin, status, launch } = session;
    await this.sessions.add(session);
    await this.log.open(work, id);
    await fill?.();
    await this.log.appendIn(work, id, [{ type: 'status', source: 'system', actor: principal.id, payload: { from: null, to: status } }]);
    const facts = { name, agent, runtime, origin, status, launch, ...(content ? { promptLength: textLength(content) } : {}) };
    work.emit('session.created', subjectOf(session, principal), { sessionId: id, ...facts, ...lineageOf(session) });
    if (!content) return;
    await this.inputs.acceptIn(work, principal, session, { content, agentMode: null, isFirst: true });
  }
}

function lineageOf({ resumedFromId, forkedFromId, forkedAtSeq }: SessionEntity): Partial<SessionCreated> {
  return {
    ...(resumedFromId === null ? {} : { resumedFromId }),
    ...(forkedFromId === null ? {} : { forkedFromId }),
    ...(forkedAtSeq === null ? {} : { forkedAtSeq }),
  };
}

const reporterOf = ({ agentName, agent }: CreateSessionRequest): { agent: string; runtime: RuntimeKind } => ({
  agent: agentName ?? agent ?? 'external',
  runtime: 'external',
});

function nameOf(content: ReturnType<typeof parseContent>, agent: string): string {
  const text = content?.map((block) => (block.type === 'text' ? block.text : '')).join(' ') ?? '';
  const line = text.trim().split('\n')[0]?.trim() ?? '';
  return line === '' ? `${agent} session` : line.slice(0, NAME_LENGTH).toWellFormed();
}
