import { Module } from '@nestjs/common';
import { EventCopying } from './event-copying.service.js';
import { EventLog } from './event-log.service.js';
import { EventTrimming } from './event-trimming.service.js';
import { LogRenumbering } from './log-renumbering.js';
import { OpenBlocks } from './open-blocks.service.js';
import { ToolIndex } from './tool-index.service.js';
import { BlobsStore } from './persistence/blobs.store.js';
import { CopyStore } from './persistence/copy.store.js';
import { EventLogStore } from './persistence/event-log.store.js';
import { OpenBlocksStore } from './persistence/open-blocks.store.js';
import { ToolEventsStore } from './persistence/tool-events.store.js';
import { TrimStore } from './persistence/trim.store.js';

/** The log itself, without access rules: what other modules build on. */
@Module({
  providers: [
    BlobsStore,
    CopyStore,
    EventCopying,
    EventLog,
    EventLogStore,
    EventTrimming,
    LogRenumbering,
    OpenBlocks,
    OpenBlocksStore,
    ToolEventsStore,
    ToolIndex,
    TrimStore,
  ],
  exports: [BlobsStore, EventCopying, EventLog, EventTrimming, OpenBlocks],
})
export class EventLogModule {}
