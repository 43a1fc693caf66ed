import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WorkspaceInUseError } from '../workspaces/workspaces.errors.js';
import { WorkspacesService } from '../workspaces/workspaces.service.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { LIVE_STATUSES } from './session.state.js';

/** Live sessions keep their workspace from being deleted; the others outlive it, without a workspace. */
@Injectable()
export class SessionDetachment implements OnModuleInit {
  constructor(
    private readonly workspaces: WorkspacesService,
    private readonly sessions: SessionsRepository,
  ) {}

  onModuleInit(): void {
    this.workspaces.addDeletionGuard((_work, workspaceId) => this.detach(workspaceId));
  }

  /** Inside of the unit that deletes the workspace. @throws WorkspaceInUseError */
  private async detach(workspaceId: string): Promise<void> {
    const live = await this.sessions.countIn(workspaceId, LIVE_STATUSES);
    if (live > 0) throw new WorkspaceInUseError(workspaceId, live);
    await this.sessions.detach(workspaceId);
  }
}
