import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterConfig } from '../config/muster-config.js';
import { Shutdown } from '../core/shutdown.js';
import type { RetentionRule } from '../workspaces/retention.types.js';
import { WorkspacesService } from '../workspaces/workspaces.service.js';
import { type KeptSession, RetentionRepository } from './persistence/retention.repository.js';
import { SessionTrimming } from './session-trimming.service.js';

const SESSIONS_A_PAGE = 200;
/** The first round comes soon after the start, so that a server that is restarted often sweeps too. */
const FIRST_MS = 60_000;
/** After a unit of work it rests so many times as long as that took: most of the database's time is for others. */
const REST = 3;

/** What one round has done. */
export interface Sweep {
  readonly sessions: number;
  readonly events: number;
}

/** Goes through all sessions from time to time and removes what is no longer to be kept, a little at a time. */
@Injectable()
export class RetentionSweeper implements OnModuleInit, OnApplicationBootstrap {
  private readonly logger = new Logger(RetentionSweeper.name);
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<Sweep> | undefined;

  constructor(
    private readonly config: MusterConfig,
    private readonly sessions: RetentionRepository,
    private readonly workspaces: WorkspacesService,
    private readonly trimming: SessionTrimming,
    private readonly shutdown: Shutdown,
  ) {}

  onModuleInit(): void {
    this.shutdown.beforeDatabaseCloses(async () => {
      clearTimeout(this.timer);
      await this.sweeping?.catch(() => undefined);
    });
  }

  onApplicationBootstrap(): void {
    this.schedule(Math.min(FIRST_MS, this.config.retention.intervalMs));
  }

  /** One round, or the one that is under way. It ends early where the server stops; the next goes on from there. */
  sweep(): Promise<Sweep> {
    this.sweeping ??= this.sweepAll().finally(() => (this.sweeping = undefined));
    return this.sweeping;
  }

  private schedule(delayMs: number): void {
    this.timer = setTimeout(() => void this.sweepAndGoOn(), delayMs).unref();
  }

  private async sweepAndGoOn(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.logger.warn({ msg: 'removing what is no longer kept failed; it is tried again', err: error });
    }
    if (!this.shutdown.signal.aborted) this.schedule(this.config.retention.intervalMs);
  }

  private async sweepAll(): Promise<Sweep> {
    const { maxAgeDays, maxEvents } = this.config.retention;
    const rules = await this.workspaces.retentionRules();
    const isNeeded = [{ maxAgeDays, maxEvents }, ...rules.values()].some((rule) => rule.maxAgeDays !== null || rule.maxEvents !== null);
    const done = { sessions: 0, events: 0 };
    for (let after: string | undefined = ''; isNeeded && after !== undefined && !this.shutdown.signal.aborted;) {
      const page: KeptSession[] = await this.sessions.kept(after, SESSIONS_A_PAGE);
      for (const session of page) {
        const rule = (session.workspaceId !== null && rules.get(session.workspaceId)) || { maxAgeDays, maxEvents };
        const events = this.isDue(session, rule) ? await this.trim(session, rule) : 0;
        done.events += events;
        done.sessions += events > 0 ? 1 : 0;
      }
      after = page.at(-1)?.id;
    }
    if (done.events > 0) this.logger.log({ msg: 'removed what is no longer kept', ...done });
    return done;
  }

  /** Whether the first event that is kept may be one to go; which are, is looked at more closely then. */
  private isDue({ earliestSeq, lastSeq, keptSince }: KeptSession, rule: RetentionRule): boolean {
    if (rule.maxEvents !== null && lastSeq - earliestSeq + 1 > rule.maxEvents) return true;
    const limit = this.trimming.limitOf(rule);
    return limit !== null && keptSince < limit;
  }

  /** Only as much as there was when the round came to it: a log that grows faster than this must not keep the others waiting. */
  private async trim({ id, earliestSeq, lastSeq }: KeptSession, rule: RetentionRule): Promise<number> {
    let events = 0;
    while (!this.shutdown.signal.aborted && events <= lastSeq - earliestSeq) {
      const began = performance.now();
      const trimmed = await this.trimming.trimNext(id, rule);
      if (trimmed === 0) break;
      events += trimmed;
      await sleep((performance.now() - began) * REST, undefined, { ref: false });
    }
    return events;
  }
}
