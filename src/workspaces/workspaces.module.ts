import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { Git } from './git/git.service.js';
import { Repositories } from './git/repositories.service.js';
import { Snapshots } from './git/snapshots.service.js';
import { PathRules } from './path-rules.js';
import { WorkspacesRepository } from './persistence/workspaces.repository.js';
import { WorktreesRepository } from './persistence/worktrees.repository.js';
import { WorkspaceMembersController } from './workspace-members.controller.js';
import { WorkspaceMembers } from './workspace-members.service.js';
import { WorkspacesController } from './workspaces.controller.js';
import { WorkspacesService } from './workspaces.service.js';
import { WorktreeRemovals } from './worktree-removals.service.js';
import { Worktrees } from './worktrees.service.js';

@Module({
  imports: [AuthModule],
  controllers: [WorkspacesController, WorkspaceMembersController],
  providers: [
    Git,
    PathRules,
    Repositories,
    Snapshots,
    WorkspaceMembers,
    WorkspacesRepository,
    WorkspacesService,
    WorktreeRemovals,
    Worktrees,
    WorktreesRepository,
  ],
  exports: [PathRules, Repositories, Snapshots, WorkspacesService, WorktreeRemovals, Worktrees],
})
export class WorkspacesModule {}
