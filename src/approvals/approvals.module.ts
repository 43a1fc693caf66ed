import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { ApprovalExpiry } from './approval-expiry.service.js';
import { ApprovalRequests } from './approval-requests.service.js';
import { ApprovalSetting } from './approval-setting.js';
import { ApprovalsController } from './approvals.controller.js';
import { ApprovalsService } from './approvals.service.js';
import { ForgetWhenSessionTrimmedListener } from './listeners/forget-when-session-trimmed.listener.js';
import { ApprovalsRepository } from './persistence/approvals.repository.js';

@Module({
  imports: [AuthModule, EventLogModule, SessionsModule],
  controllers: [ApprovalsController],
  providers: [ApprovalExpiry, ApprovalRequests, ApprovalSetting, ApprovalsRepository, ApprovalsService, ForgetWhenSessionTrimmedListener],
  exports: [ApprovalRequests, ApprovalsService],
})
export class ApprovalsModule {}
