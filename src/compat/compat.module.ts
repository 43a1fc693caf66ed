import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { WebSocketModule } from '../core/websocket/websocket.module.js';
import { AoModule } from './agent-orchestrator/ao.module.js';
import { CompatDoor } from './compat-door.service.js';
import { CompatPorts } from './compat-ports.service.js';

/** The contracts of other systems, and the ways in for their clients. */
@Module({
  imports: [AuthModule, WebSocketModule, AoModule],
  providers: [CompatDoor, CompatPorts],
})
export class CompatModule {}
