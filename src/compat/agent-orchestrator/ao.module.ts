import { Module, type OnModuleInit } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { ErrorShapes } from '../../core/errors/error-shapes.service.js';
import { EventLogModule } from '../../events/event-log.module.js';
import { EventsModule } from '../../events/events.module.js';
import { RealtimeModule } from '../../realtime/realtime.module.js';
import { SessionsModule } from '../../sessions/sessions.module.js';
import { AoConnectionSources } from './ao-connection-sources.service.js';
import { aoError } from './ao-error-shape.js';
import { AoEventsController } from './ao-events.controller.js';
import { AoEvents } from './ao-events.service.js';
import { AoGateway } from './ao.gateway.js';
import { AoSessionsController } from './ao-sessions.controller.js';
import { AoSessions } from './ao-sessions.service.js';

/** The contract of agent-orchestrator on top of our services: docs/migrating/agent-orchestrator.md. */
@Module({
  imports: [AuthModule, EventLogModule, EventsModule, RealtimeModule, SessionsModule],
  controllers: [AoSessionsController, AoEventsController],
  providers: [AoConnectionSources, AoEvents, AoGateway, AoSessions],
})
export class AoModule implements OnModuleInit {
  constructor(private readonly shapes: ErrorShapes) {}

  onModuleInit(): void {
    this.shapes.register('/compat/agent-orchestrator', aoError);
  }
}
