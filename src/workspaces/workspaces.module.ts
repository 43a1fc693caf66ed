import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { PathRules } from './path-rules.js';
import { WorkspacesRepository } from './persistence/workspaces.repository.js';
import { WorkspacesController } from './workspaces.controller.js';
import { WorkspacesService } from './workspaces.service.js';

@Module({
  imports: [AuthModule],
  controllers: [WorkspacesController],
  providers: [PathRules, WorkspacesRepository, WorkspacesService],
  exports: [PathRules, WorkspacesService],
})
export class WorkspacesModule {}
