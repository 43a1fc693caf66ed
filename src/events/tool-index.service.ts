import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EventLog } from './event-log.service.js';
import { callKeyOf, ToolEventsStore } from './persistence/tool-events.store.js';

/** Notes which events are about which tool call, in the log's own transaction. */
@Injectable()
export class ToolIndex implements OnModuleInit {
  constructor(
    private readonly log: EventLog,
    private readonly store: ToolEventsStore,
  ) {}

  onModuleInit(): void {
    this.log.addProjection(async (work, growths) => {
      const events = growths.flatMap(({ head: { sessionId, lastSeq }, fresh }) =>
        fresh.flatMap(({ type, value }, index) =>
          (type === 'tool_call' || type === 'tool_update') && typeof value['toolCallId'] === 'string'
            ? [{ sessionId, seq: lastSeq + 1 + index, callKey: callKeyOf(value['toolCallId']) }]
            : [],
        ),
      );
      if (events.length > 0) await this.store.add(work, events);
    });
  }
}
