import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Work } from '../core/database/work.js';
import { EventLog } from '../events/event-log.service.js';
import type { Growth } from '../events/event-log.types.js';
import { AgentHostsRepository } from './persistence/agent-hosts.repository.js';

/** How far the spool of a host was taken. */
export interface SpoolPosition {
  /** Events of all records up to this one are stored. */
  readonly takenN: number;
  /** Reading begins again behind this one: before the text that is open. */
  readonly resumeN: number;
  /** What was known behind `resumeN`, as JSON text. */
  readonly state: string;
}

interface Expected {
  readonly hostId: string;
  readonly byEvent: Map<string, SpoolPosition>;
  /** The last one that is committed. */
  resumeN: number;
}

/**
 * Stores how far spools were taken in the very transactions in which the events made of them are stored: after a crash reading goes on
 * where the log stands. What is read twice nevertheless becomes the same events with the same ids, which the log takes once.
 */
@Injectable()
export class HostPositions implements OnModuleInit {
  private readonly expected = new Map<string, Expected>();

  constructor(
    private readonly log: EventLog,
    private readonly hosts: AgentHostsRepository,
  ) {}

  onModuleInit(): void {
    this.log.addProjection((work, growths) => this.store(work, growths));
  }

  /** Begins to keep the positions of a session's host, from where it stands. */
  begin(sessionId: string, hostId: string, resumeN: number): void {
    this.expected.set(sessionId, { hostId, byEvent: new Map(), resumeN });
  }

  /** `position` is to be stored together with the event of this id. */
  expect(sessionId: string, eventId: string, position: SpoolPosition): void {
    this.expected.get(sessionId)?.byEvent.set(eventId, position);
  }

  /** What was expected was carried out, whether it was new or not. Gives back the committed `resumeN`. */
  settled(sessionId: string): number {
    const expected = this.expected.get(sessionId);
    expected?.byEvent.clear();
    return expected?.resumeN ?? 0;
  }

  end(sessionId: string): void {
    this.expected.delete(sessionId);
  }

  private async store(work: Work, growths: readonly Growth[]): Promise<void> {
    for (const { head, fresh } of growths) {
      const expected = this.expected.get(head.sessionId);
      if (!expected || expected.byEvent.size === 0) continue;
      const position = fresh.reduce<SpoolPosition | undefined>((last, { id }) => expected.byEvent.get(id) ?? last, undefined);
      if (!position) continue;
      const { takenN, resumeN, state } = position;
      await this.hosts.update(head.sessionId, expected.hostId, { takenN, resumeN, state });
      work.afterCommit(() => (expected.resumeN = Math.max(expected.resumeN, resumeN)));
    }
  }
}
