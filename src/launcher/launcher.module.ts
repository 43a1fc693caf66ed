import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.js';
import { ApprovalsModule } from '../approvals/approvals.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { WorkspacesModule } from '../workspaces/workspaces.module.js';
import { AgentHosts } from './agent-hosts.service.js';
import { AgentQuestions } from './agent-questions.service.js';
import { AgentSlots } from './agent-slots.service.js';
import { AgentStarter } from './agent-starter.service.js';
import { AgentSurroundings } from './agent-surroundings.service.js';
import { BootReconciliation } from './boot-reconciliation.service.js';
import { HostPositions } from './host-positions.service.js';
import { Launcher } from './launcher.service.js';
import { LeftProcesses } from './left-processes.service.js';
import { AnswerWhenApprovalDecidedListener } from './listeners/answer-when-approval-decided.listener.js';
import { AnswerWhenApprovalExpiredListener } from './listeners/answer-when-approval-expired.listener.js';
import { EndWhenSessionDeletedListener } from './listeners/end-when-session-deleted.listener.js';
import { EndWhenSessionExpiredListener } from './listeners/end-when-session-expired.listener.js';
import { InterruptWhenInterruptRequestedListener } from './listeners/interrupt-when-interrupt-requested.listener.js';
import { LaunchWhenSessionCreatedListener } from './listeners/launch-when-session-created.listener.js';
import { LaunchWhenSessionResumedListener } from './listeners/launch-when-session-resumed.listener.js';
import { PromptWhenInputAcceptedListener } from './listeners/prompt-when-input-accepted.listener.js';
import { StopWhenStopRequestedListener } from './listeners/stop-when-stop-requested.listener.js';
import { SuspendWhenSuspendRequestedListener } from './listeners/suspend-when-suspend-requested.listener.js';
import { AgentHostsRepository } from './persistence/agent-hosts.repository.js';
import { Orphans } from './orphans.service.js';
import { OrphansController } from './orphans.controller.js';
import { ProjectDirectories } from './project-directories.service.js';
import { AcpRuntime } from './runtimes/acp/acp.runtime.js';
import { ProcessRuntime } from './runtimes/process/process.runtime.js';
import { Runtimes } from './runtimes/runtimes.service.js';
import { SessionDrivers } from './session-drivers.service.js';
import { SessionRecorder } from './session-recorder.service.js';

@Module({
  imports: [AgentsModule, ApprovalsModule, AuthModule, EventLogModule, SessionsModule, WorkspacesModule],
  controllers: [OrphansController],
  providers: [
    AcpRuntime,
    AgentHosts,
    AgentHostsRepository,
    AgentQuestions,
    AgentSlots,
    AgentStarter,
    AgentSurroundings,
    AnswerWhenApprovalDecidedListener,
    AnswerWhenApprovalExpiredListener,
    BootReconciliation,
    EndWhenSessionDeletedListener,
    EndWhenSessionExpiredListener,
    HostPositions,
    InterruptWhenInterruptRequestedListener,
    LaunchWhenSessionCreatedListener,
    LaunchWhenSessionResumedListener,
    Launcher,
    LeftProcesses,
    Orphans,
    ProcessRuntime,
    ProjectDirectories,
    PromptWhenInputAcceptedListener,
    Runtimes,
    SessionDrivers,
    SessionRecorder,
    StopWhenStopRequestedListener,
    SuspendWhenSuspendRequestedListener,
  ],
  exports: [Launcher],
})
export class LauncherModule {}
