import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Work } from '../core/database/work.js';
import { storable } from '../core/text.js';
import { EventLog } from '../events/event-log.service.js';
import type { Growth } from '../events/event-log.types.js';
import { PAYLOADS } from '../events/event-payloads.types.js';
import { UsageRepository } from './persistence/usage.repository.js';

/**
 * Adds what sessions use to the account, in the log's own transaction: an event counts once, as the log has it once, and for the session
 * in whose log it is only.
 */
@Injectable()
export class UsageProjection implements OnModuleInit {
  constructor(
    private readonly log: EventLog,
    private readonly usage: UsageRepository,
  ) {}

  onModuleInit(): void {
    this.log.addProjection((work, growths) => this.add(work, growths));
  }

  private async add(work: Work, growths: readonly Growth[]): Promise<void> {
    const increments = growths.flatMap(({ head: { sessionId }, fresh }) =>
      fresh.flatMap(({ type, turn, occurredAt, value }) =>
        type === 'usage' ? [{ sessionId, turn: turn ?? 0, day: occurredAt.slice(0, 10), ...PAYLOADS.usage.parse(value) }] : [],
      ),
    );
    const counted = increments.filter((each) => each.input || each.output || each.cacheRead || each.cacheWrite || each.costUsd);
    if (counted.length === 0) return;
    const subjects = await this.usage.subjects(work, [...new Set(counted.map(({ sessionId }) => sessionId))]);
    const entries = counted.flatMap(
      ({ sessionId, turn, day, model, input = 0, output = 0, cacheRead = 0, cacheWrite = 0, costUsd = 0 }) => {
        const subject = subjects.get(sessionId);
        if (!subject) return [];
        const { workspace_id: workspaceId, owner_id: ownerId, agent } = subject;
        const used = storable(model ?? subject.model ?? '', 256);
        return [{ sessionId, turn, day, model: used, workspaceId, ownerId, agent, input, output, cacheRead, cacheWrite, costUsd }];
      },
    );
    await this.usage.add(work, entries);
  }
}
