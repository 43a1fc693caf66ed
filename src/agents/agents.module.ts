import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AgentLocator } from './agent-locator.service.js';
import { AgentProfiles } from './agent-profiles.js';
import { AgentsController } from './agents.controller.js';
import { AgentsService } from './agents.service.js';

@Module({
  imports: [AuthModule],
  controllers: [AgentsController],
  providers: [AgentLocator, AgentProfiles, AgentsService],
  exports: [AgentsService],
})
export class AgentsModule {}
