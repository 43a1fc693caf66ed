import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { PathRules } from './path-rules.js';
import { WorkspacesRepository } from './persistence/workspaces.repository.js';
import { WorkspaceMembersController } from './workspace-members.controller.js';
import { WorkspaceMembers } from './workspace-members.service.js';
import { WorkspacesController } from './workspaces.controller.js';
import { WorkspacesService } from './workspaces.service.js';

@Module({
  imports: [AuthModule],
  controllers: [WorkspacesController, WorkspaceMembersController],
  providers: [PathRules, WorkspaceMembers, WorkspacesRepository, WorkspacesService],
  exports: [PathRules, WorkspacesService],
})
export class WorkspacesModule {}
