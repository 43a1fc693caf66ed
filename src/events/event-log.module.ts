import { Module } from '@nestjs/common';
import { EventLog } from './event-log.service.js';
import { OpenBlocks } from './open-blocks.service.js';
import { BlobsStore } from './persistence/blobs.store.js';
import { EventLogStore } from './persistence/event-log.store.js';
import { OpenBlocksStore } from './persistence/open-blocks.store.js';

/** The log itself, without access rules: what other modules build on. */
@Module({ providers: [BlobsStore, EventLog, EventLogStore, OpenBlocks, OpenBlocksStore], exports: [BlobsStore, EventLog, OpenBlocks] })
export class EventLogModule {}
