import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { BlobsController } from './blobs.controller.js';
import { Blobs } from './blobs.service.js';
import { Conversations } from './conversation.service.js';
import { ConversationsController } from './conversations.controller.js';
import { ConversationStore } from './persistence/conversation.store.js';
import { EventLogModule } from './event-log.module.js';
import { EventReads } from './event-reads.service.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { Feed } from './feed.service.js';

/** The log and the feed, for callers. */
@Module({
  imports: [AuthModule, EventLogModule, SessionsModule],
  controllers: [BlobsController, ConversationsController, EventsController],
  providers: [Blobs, Conversations, ConversationStore, EventReads, EventsService, Feed],
  exports: [Blobs, Conversations, EventReads, EventsService, Feed],
})
export class EventsModule {}
