import { Module } from '@nestjs/common';
import { ApprovalsModule } from '../approvals/approvals.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { WebSocketModule } from '../core/websocket/websocket.module.js';
import { EventLogModule } from '../events/event-log.module.js';
import { EventsModule } from '../events/events.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { WorkspacesModule } from '../workspaces/workspaces.module.js';
import { CommandRules } from './gateway/command-rules.service.js';
import { Commands } from './gateway/commands.service.js';
import { ConnectionContexts } from './gateway/connection-contexts.service.js';
import { GatewayCredentials } from './gateway/gateway-credentials.service.js';
import { RealtimeGateway } from './gateway/realtime.gateway.js';
import { FeedFollower } from './hub/feed-follower.service.js';
import { FeedStreams } from './hub/feed-streams.service.js';
import { Hub } from './hub/hub.service.js';
import { SessionStreams } from './hub/session-streams.service.js';
import { Streams } from './hub/streams.service.js';
import { RealtimeLimits } from './realtime-limits.js';
import { SseStreams } from './sse/sse-streams.service.js';
import { StreamsController } from './sse/streams.controller.js';

/** Everything live: one hub for WebSocket and SSE. */
@Module({
  imports: [ApprovalsModule, AuthModule, EventLogModule, EventsModule, SessionsModule, WebSocketModule, WorkspacesModule],
  controllers: [StreamsController],
  providers: [
    CommandRules,
    Commands,
    ConnectionContexts,
    FeedFollower,
    FeedStreams,
    Hub,
    GatewayCredentials,
    RealtimeGateway,
    RealtimeLimits,
    SessionStreams,
    SseStreams,
    Streams,
  ],
  exports: [GatewayCredentials, Hub, RealtimeLimits, Streams, WebSocketModule],
})
export class RealtimeModule {}
