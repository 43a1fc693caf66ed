import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { EventsModule } from '../events/events.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AuditController } from './audit.controller.js';
import { Audit } from './audit.service.js';
import { Health } from './health.service.js';
import { Metrics } from './metrics.service.js';
import { OpsController } from './ops.controller.js';

@Module({
  imports: [AuthModule, EventLogModule, EventsModule, SessionsModule],
  controllers: [AuditController, OpsController],
  providers: [Audit, Health, Metrics],
  exports: [Health],
})
export class OpsModule {}
