import { Injectable } from '@nestjs/common';
import { AgentsService } from '../agents/agents.service.js';
import { Access } from '../auth/access.service.js';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { PathRules } from '../workspaces/path-rules.js';
import type { WorktreeEntity } from '../workspaces/persistence/worktree.entity.js';
import { WorkspacesService } from '../workspaces/workspaces.service.js';
import { Worktrees } from '../workspaces/worktrees.service.js';
import type { CreateSessionRequest } from './dto/create-session.dto.js';
import type { Mode } from './modes/mode.types.js';
import { Modes } from './modes/modes.service.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { LIVE_STATUSES } from './session.state.js';
import type { RuntimeKind } from './session.types.js';
import { WorkspaceBusyError } from './sessions.errors.js';

export interface Place {
  readonly workspaceId: string | null;
  readonly projectDir: string;
}

/** What a session stands in: its agent's profile and its directory. */
@Injectable()
export class SessionSurroundings {
  constructor(
    private readonly agents: AgentsService,
    private readonly workspaces: WorkspacesService,
    private readonly paths: PathRules,
    private readonly access: Access,
    private readonly sessions: SessionsRepository,
    private readonly modes: Modes,
    private readonly worktrees: Worktrees,
  ) {}

  /** @throws UnknownModeError */
  mode({ mode }: CreateSessionRequest): Mode | null {
    return mode === undefined ? null : this.modes.getOrFail(mode);
  }

  /** As asked for, or as the mode says. @throws UnknownAgentError, InvalidInputError where neither names one */
  agent({ agent }: Pick<CreateSessionRequest, 'agent'>, mode: Mode | null): { agent: string; runtime: RuntimeKind } {
    const wanted = agent ?? mode?.agent;
    if (wanted === undefined)
      throw new InvalidInputError('agent: a session needs one, and its mode names none.', {
        remedy: 'Give the name of an agent profile: see GET /api/agents.',
        issues: [{ path: 'agent', message: 'needed: the mode names none' }],
      });
    const { name, runtime } = this.agents.getOrFail(wanted);
    return { agent: name, runtime };
  }

  /**
   * There is room for one more active session; within a unit of work, before anything else of it is locked: nobody changes the workspace
   * until the unit ends. @throws WorkspaceNotFoundError, WorkspaceBusyError
   */
  async assertRoom(workspaceId: string | null): Promise<void> {
    if (workspaceId === null) return;
    const { maxActiveSessions } = await this.workspaces.lock(workspaceId);
    if (maxActiveSessions === null) return;
    const active = await this.sessions.countIn(workspaceId, LIVE_STATUSES);
    if (active >= maxActiveSessions)
      throw new WorkspaceBusyError(`The workspace has ${active} active session(s) and allows ${maxActiveSessions}.`, {
        remedy: 'Suspend or stop one, or raise maxActiveSessions of the workspace.',
        context: { workspaceId, active, maxActiveSessions },
      });
  }

  /**
   * Where a session goes on that goes on from another one: in the same directory, as far as `principal` may still start something there.
   * @throws WorkspaceNotFoundError, ForbiddenError, PathError
   */
  async placeOf(principal: Principal, { workspaceId, projectDir }: SessionEntity): Promise<void> {
    this.access.assertMay(principal, 'sessions:create');
    await this.place(principal, workspaceId === null ? { projectDir } : { workspaceId }, false);
  }

  /** @throws WorkspaceNotFoundError, ForbiddenError, PathError, InvalidInputError where neither or both are given */
  async place(
    principal: Principal,
    { workspaceId, projectDir }: Pick<CreateSessionRequest, 'workspaceId' | 'projectDir'>,
    isExternal: boolean,
  ): Promise<Place> {
    if (workspaceId !== undefined) {
      const workspace = await this.workspaces.getFor(principal, workspaceId, 'editor');
      if (projectDir !== undefined && !isExternal)
        throw new InvalidInputError('Give workspaceId or projectDir, not both.', {
          issues: [{ path: 'projectDir', message: 'not together with workspaceId' }],
        });
      return { workspaceId: workspace.id, projectDir: projectDir ?? workspace.path };
    }
    this.access.assertUnlimited(principal);
    // A reporter's directory may be on another machine: it is only shown, never entered.
    if (isExternal) return { workspaceId: null, projectDir: projectDir ?? '' };
    if (projectDir === undefined)
      throw new InvalidInputError('A session needs a place to work in.', {
        remedy: 'Give workspaceId, or projectDir.',
        issues: [{ path: 'workspaceId', message: 'workspaceId or projectDir is needed' }],
      });
    const real = await this.paths.resolveDirectory(projectDir);
    await this.workspaces.assertMayWorkIn(principal, real);
    return { workspaceId: null, projectDir: real };
  }

  /**
   * The worktree that a session is to get; null where it works in the directory itself.
   * @throws InvalidInputError, NotAWorkTreeError, BranchInvalidError, BranchExistsError, UnknownBaseError, ForbiddenError, GitMissingError
   */
  async planWorktree(
    principal: Principal,
    { isolation, worktree: wish, runtime }: CreateSessionRequest,
    { workspaceId, projectDir }: Place,
    { id, now }: { readonly id: string; readonly now: string },
  ): Promise<WorktreeEntity | null> {
    const isWanted = isolation === 'worktree';
    if (isWanted && runtime === 'external')
      throw new InvalidInputError('isolation: an external session works where it is, its agent is not ours.', {
        issues: [{ path: 'isolation', message: 'not with runtime external' }],
      });
    if (!isWanted && wish !== undefined)
      throw new InvalidInputError('worktree: the session gets none.', {
        remedy: 'Give isolation "worktree" too.',
        issues: [{ path: 'worktree', message: 'only with isolation worktree' }],
      });
    if (!isWanted) return null;
    return this.worktrees.plan(principal, { sessionId: id, workspaceId, directory: projectDir, now }, wish ?? {});
  }

  /** Within the unit that stores the session; it is made before its agent is started. */
  addWorktree(worktree: WorktreeEntity): Promise<void> {
    return this.worktrees.add(worktree);
  }
}
