import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { newId } from '../core/ids.js';
import { EventLog } from '../events/event-log.service.js';
import { parseContent, textLength } from './dto/content.validator.js';
import type { CreateSessionRequest } from './dto/create-session.dto.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { rulesOf } from './modes/mode.types.js';
import { policyIn } from './modes/modes.service.js';
import { SessionsRepository, type SessionWithHead } from './persistence/sessions.repository.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { subjectOf } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';
import { type Place, SessionSurroundings } from './session-surroundings.service.js';
import { LIVE_STATUSES } from './session.state.js';
import type { RuntimeKind } from './session.types.js';
import { ExternalIdTakenError, SessionNotFoundError, WorkspaceBusyError } from './sessions.errors.js';

/** Where callers of the canonical API get their external ids from. */
const SOURCE = 'api';
const NAME_LENGTH = 80;

/** Makes sessions: `queued` for the launcher, or `running` where somebody else runs the agent. */
@Injectable()
export class SessionCreation {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly turns: TurnsRepository,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly scope: SessionScope,
    private readonly surroundings: SessionSurroundings,
  ) {}

  /**
   * Stores the session and its first input; the agent is started afterwards. `source` says who gave its external id.
   * @throws UnknownAgentError, UnknownModeError, WorkspaceNotFoundError, PathError, ExternalIdTakenError, WorkspaceBusyError, InvalidInputError
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
    const now = this.scope.nowIso();
    const session: SessionEntity = {
      id: newId(),
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
      forkedFromId: null,
      forkedAtSeq: null,
      resumedFromId: null,
      agentSessionId: null,
      model: request.model ?? null,
      agentMode: request.agentMode ?? null,
      mcpServers: JSON.stringify(request.mcpServers ?? []),
      projectDir: place.projectDir,
      phase: null,
      step: null,
      state: '{}',
      metadata: JSON.stringify(request.metadata ?? {}),
      policy: policyIn(mode, request.policy, 'ask'),
      isolation: 'none',
      launch: !isExternal && (request.launch ?? true),
      ownerId: principal.id,
      ownerNode: null,
      processId: null,
      processStartedAt: null,
      exitCode: null,
      exitSignal: null,
      endReason: null,
      stopRequestedAt: null,
      lastMessagePreview: null,
      lastMessageSeq: null,
      usageInput: 0,
      usageOutput: 0,
      usageCacheRead: 0,
      usageCacheWrite: 0,
      usageCostUsd: 0,
      createdAt: now,
      startedAt: isExternal ? now : null,
      endedAt: null,
      lastResumedAt: null,
      updatedAt: now,
      version: 1,
    };
    try {
      await this.unit.run(async (work) => {
        await this.assertAllowed(session, place);
        await this.store(work, principal, session, content);
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

  private async assertAllowed(session: SessionEntity, { workspaceId }: Place): Promise<void> {
    await this.assertExternalIdFree(session);
    if (workspaceId === null) return;
    const { maxActiveSessions } = await this.surroundings.lockWorkspace(workspaceId);
    if (maxActiveSessions === null) return;
    const active = await this.sessions.countIn(workspaceId, LIVE_STATUSES);
    if (active >= maxActiveSessions)
      throw new WorkspaceBusyError(`The workspace has ${active} active session(s) and allows ${maxActiveSessions}.`, {
        remedy: 'Stop one, or raise maxActiveSessions of the workspace.',
        context: { workspaceId, active, maxActiveSessions },
      });
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

  private async store(work: Work, principal: Principal, session: SessionEntity, content: ReturnType<typeof parseContent>): Promise<void> {
    const { id, name, agent, runtime, origin, status, launch } = session;
    await this.sessions.add(session);
    await this.log.open(work, id);
    await this.log.appendIn(work, id, [{ type: 'status', source: 'system', actor: principal.id, payload: { from: null, to: status } }]);
    const facts = { name, agent, runtime, origin, status, launch, ...(content ? { promptLength: textLength(content) } : {}) };
    work.emit('session.created', subjectOf(session, principal), { sessionId: id, ...facts });
    if (!content) return;
    const inputId = newId();
    await this.turns.addInput({
      id: inputId,
      sessionId: id,
      turn: null,
      state: 'accepted',
      content: JSON.stringify(content),
      agentMode: null,
      by: principal.id,
      createdAt: session.createdAt,
      deliveredAt: null,
    });
    await this.log.appendIn(work, id, [{ type: 'input', source: 'api', actor: principal.id, payload: { inputId, content } }]);
  }
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
