import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { WorkspacesModule } from '../workspaces/workspaces.module.js';
import { ConversationContext } from './conversation-context.service.js';
import { ExternalSessions } from './external-sessions.service.js';
import { SessionBriefsRepository } from './persistence/session-briefs.repository.js';
import { RetentionRepository } from './persistence/retention.repository.js';
import { SessionsRepository } from './persistence/sessions.repository.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { RetentionSweeper } from './retention-sweeper.service.js';
import { SessionBranching } from './session-branching.service.js';
import { SessionCounts } from './session-counts.service.js';
import { SessionCreation } from './session-creation.service.js';
import { SessionDetachment } from './session-detachment.service.js';
import { SessionForks } from './session-forks.service.js';
import { SessionInputs } from './session-inputs.service.js';
import { SessionInputsController } from './session-inputs.controller.js';
import { SessionLifecycle } from './session-lifecycle.service.js';
import { SessionMoves } from './session-moves.service.js';
import { SessionProjection } from './session-projection.js';
import { SessionResumption } from './session-resumption.service.js';
import { SessionResumptionController } from './session-resumption.controller.js';
import { SessionScope } from './session-scope.service.js';
import { SessionStops } from './session-stops.service.js';
import { SessionSurroundings } from './session-surroundings.service.js';
import { SessionSuspension } from './session-suspension.service.js';
import { SessionTrimming } from './session-trimming.service.js';
import { SessionWaiter } from './session-waiter.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [AgentsModule, AuthModule, EventLogModule, WorkspacesModule],
  controllers: [SessionsController, SessionInputsController, SessionResumptionController],
  providers: [
    ConversationContext,
    ExternalSessions,
    SessionBranching,
    SessionBriefsRepository,
    RetentionRepository,
    RetentionSweeper,
    SessionCounts,
    SessionCreation,
    SessionDetachment,
    SessionForks,
    SessionInputs,
    SessionLifecycle,
    SessionMoves,
    SessionProjection,
    SessionResumption,
    SessionScope,
    SessionStops,
    SessionSurroundings,
    SessionSuspension,
    SessionTrimming,
    SessionWaiter,
    SessionsRepository,
    SessionsService,
    TurnsRepository,
  ],
  exports: [
    ConversationContext,
    ExternalSessions,
    SessionCounts,
    SessionCreation,
    SessionLifecycle,
    SessionMoves,
    SessionScope,
    SessionStops,
    SessionWaiter,
    SessionsService,
  ],
})
export class SessionsModule {}
