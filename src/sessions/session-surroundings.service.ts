import { Injectable } from '@nestjs/common';
import { AgentsService } from '../agents/agents.service.js';
import { Access } from '../auth/access.service.js';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { PathRules } from '../workspaces/path-rules.js';
import { WorkspacesService } from '../workspaces/workspaces.service.js';
import type { CreateSessionRequest } from './dto/create-session.dto.js';
import type { Mode } from './modes/mode.types.js';
import { Modes } from './modes/modes.service.js';
import type { RuntimeKind } from './session.types.js';

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
    private readonly modes: Modes,
  ) {}

  /** @throws UnknownModeError */
  mode({ mode }: CreateSessionRequest): Mode | null {
    return mode === undefined ? null : this.modes.getOrFail(mode);
  }

  /** As asked for, or as the mode says. @throws UnknownAgentError, InvalidInputError where neither names one */
  agent({ agent }: CreateSessionRequest, mode: Mode | null): { agent: string; runtime: RuntimeKind } {
    const wanted = agent ?? mode?.agent;
    if (wanted === undefined)
      throw new InvalidInputError('agent: a session needs one, and its mode names none.', {
        remedy: 'Give the name of an agent profile: see GET /api/agents.',
        issues: [{ path: 'agent', message: 'needed: the mode names none' }],
      });
    const { name, runtime } = this.agents.getOrFail(wanted);
    return { agent: name, runtime };
  }

  /** The workspace as it is now; nobody changes or deletes it until the unit of work ends. @throws WorkspaceNotFoundError */
  lockWorkspace(id: string): Promise<{ maxActiveSessions: number | null }> {
    return this.workspaces.lock(id);
  }

  /** @throws WorkspaceNotFoundError, ForbiddenError, PathError, InvalidInputError where neither or both are given */
  async place(principal: Principal, { workspaceId, projectDir }: CreateSessionRequest, isExternal: boolean): Promise<Place> {
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
}
