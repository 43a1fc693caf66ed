import { Module } from '@nestjs/common';
import { ApprovalsModule } from '../approvals/approvals.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { HookPermissions } from './hook-permissions.service.js';
import { HookSessions } from './hook-sessions.service.js';
import { HookWriter } from './hook-writer.service.js';
import { HooksController } from './hooks.controller.js';
import { Hooks } from './hooks.service.js';

/** Agents that people start in their own terminals, by what their hooks tell. */
@Module({
  imports: [ApprovalsModule, AuthModule, EventLogModule, SessionsModule],
  controllers: [HooksController],
  providers: [HookPermissions, HookSessions, HookWriter, Hooks],
})
export class HooksModule {}
