import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { UsageRepository } from './persistence/usage.repository.js';
import { UsageController } from './usage.controller.js';
import { UsageProjection } from './usage-projection.js';
import { UsageService } from './usage.service.js';

/** Tokens and cost. */
@Module({
  imports: [AuthModule, EventLogModule],
  controllers: [UsageController],
  providers: [UsageProjection, UsageRepository, UsageService],
  exports: [UsageService],
})
export class UsageModule {}
