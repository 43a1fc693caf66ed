import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { WorkspacesModule } from '../workspaces/workspaces.module.js';
import { ExternalSessions } from './external-sessions.service.js';
import { SessionBriefsRepository } from './persistence/session-briefs.repository.js';
import { RetentionRepository } from './persistence/retention.repository.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { RetentionSweeper } from './retention-sweeper.service.js';
import { SessionCounts } from './session-counts.service.js';
import { SessionCreation } from './session-creation.service.js';
import { SessionDetachment } from './session-detachment.service.js';
import { SessionLifecycle } from './session-lifecycle.service.js';
import { SessionParts } from './session-parts.service.js';
import { SessionProjection } from './session-projection.js';
import { SessionScope } from './session-scope.service.js';
import { SessionStops } from './session-stops.service.js';
import { SessionSurroundings } from './session-surroundings.service.js';
import { SessionTrimming } from './session-trimming.service.js';
import { SessionWaiter } from './session-waiter.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [AgentsModule, AuthModule, EventLogModule, WorkspacesModule],
  controllers: [SessionsController],
  providers: [
    ExternalSessions,
    SessionBriefsRepository,
    RetentionRepository,
    RetentionSweeper,
    SessionCounts,
    SessionCreation,
    SessionDetachment,
    SessionLifecycle,
    SessionParts,
    SessionProjection,
    SessionScope,
    SessionStops,
    SessionSurroundings,
    SessionTrimming,
    SessionWaiter,
    SessionsRepository,
    SessionsService,
    TurnsRepository,
  ],
  exports: [
    ExternalSessions,
    SessionCounts,
    SessionCreation,
    SessionLifecycle,
    SessionParts,
    SessionScope,
    SessionStops,
    SessionWaiter,
    SessionsService,
  ],
})
export class SessionsModule {}
