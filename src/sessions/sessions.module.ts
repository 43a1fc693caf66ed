import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { WorkspacesModule } from '../workspaces/workspaces.module.js';
import { ConversationContext } from './conversation-context.service.js';
import { ModesController } from './modes/modes.controller.js';
import { Modes } from './modes/modes.service.js';
import { ExternalSessions } from './external-sessions.service.js';
import { ExpiryRepository } from './persistence/expiry.repository.js';
import { SessionBriefsRepository } from './persistence/session-briefs.repository.js';
import { EndedSessionsRepository } from './persistence/ended-sessions.repository.js';
import { RetentionRepository } from './persistence/retention.repository.js';
import { SessionTreesRepository } from './persistence/session-trees.repository.js';
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
import { SessionExpiry } from './session-expiry.service.js';
import { SessionHistory } from './session-history.service.js';
import { SessionReadsController } from './session-reads.controller.js';
import { SessionDiffController } from './session-diff.controller.js';
import { SessionDiffs } from './session-diffs.service.js';
import { SessionLifecycle } from './session-lifecycle.service.js';
import { SessionMoves } from './session-moves.service.js';
import { SessionParts } from './session-parts.service.js';
import { SessionProjection } from './session-projection.js';
import { SessionResumption } from './session-resumption.service.js';
import { SessionResumptionController } from './session-resumption.controller.js';
import { SessionRemovals } from './session-removals.service.js';
import { SessionScope } from './session-scope.service.js';
import { SessionStates } from './session-states.service.js';
import { SessionStops } from './session-stops.service.js';
import { SessionSurroundings } from './session-surroundings.service.js';
import { SessionSuspension } from './session-suspension.service.js';
import { SessionTrees } from './session-trees.service.js';
import { SessionTrimming } from './session-trimming.service.js';
import { SessionWaiter } from './session-waiter.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [AgentsModule, AuthModule, EventLogModule, WorkspacesModule],
  controllers: [
    ModesController,
    SessionDiffController,
    SessionInputsController,
    SessionReadsController,
    SessionResumptionController,
    SessionsController,
  ],
  providers: [
    ConversationContext,
    EndedSessionsRepository,
    ExpiryRepository,
    ExternalSessions,
    Modes,
    SessionBranching,
    SessionBriefsRepository,
    RetentionRepository,
    RetentionSweeper,
    SessionCounts,
    SessionCreation,
    SessionDetachment,
    SessionDiffs,
    SessionExpiry,
    SessionHistory,
    SessionForks,
    SessionInputs,
    SessionLifecycle,
    SessionMoves,
    SessionParts,
    SessionProjection,
    SessionResumption,
    SessionRemovals,
    SessionScope,
    SessionStates,
    SessionStops,
    SessionSurroundings,
    SessionSuspension,
    SessionTrees,
    SessionTreesRepository,
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
    SessionParts,
    SessionScope,
    SessionStops,
    SessionTrees,
    SessionWaiter,
    SessionsService,
  ],
})
export class SessionsModule {}
