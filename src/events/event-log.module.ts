import { Module } from '@nestjs/common';
import { EventLog } from './event-log.service.js';
import { OpenBlocks } from './open-blocks.service.js';
import { EventLogStore } from './persistence/event-log.store.js';
import { OpenBlocksStore } from './persistence/open-blocks.store.js';

/** The log itself, without access rules: what other modules build on. */
@Module({ providers: [EventLog, EventLogStore, OpenBlocks, OpenBlocksStore], exports: [EventLog, OpenBlocks] })
export class EventLogModule {}
