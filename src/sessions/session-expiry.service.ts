import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { Shutdown } from '../core/shutdown.js';
import { ExpiryRepository } from './persistence/expiry.repository.js';
import { SessionLifecycle } from './session-lifecycle.service.js';

const INTERVAL_MS = 60_000;
const SESSIONS_A_PAGE = 200;

/** Looks once a minute for sessions that nobody has touched for longer than configured, and lets them expire. */
@Injectable()
export class SessionExpiry implements OnModuleInit, OnApplicationBootstrap {
  private readonly logger = new Logger(SessionExpiry.name);
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<number> | undefined;

  constructor(
    private readonly config: MusterConfig,
    private readonly sessions: ExpiryRepository,
    private readonly lifecycle: SessionLifecycle,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
    private readonly shutdown: Shutdown,
  ) {}

  onModuleInit(): void {
    this.shutdown.beforeDatabaseCloses(async () => {
      clearTimeout(this.timer);
      await this.sweeping?.catch(() => undefined);
    });
  }

  onApplicationBootstrap(): void {
    if (this.config.sessionExpiresAfterMs !== null) this.schedule();
  }

  /** One round, or the one that is under way; says how many expired. */
  sweep(): Promise<number> {
    this.sweeping ??= this.sweepAll().finally(() => (this.sweeping = undefined));
    return this.sweeping;
  }

  private schedule(): void {
    this.timer = setTimeout(() => void this.sweepAndGoOn(), INTERVAL_MS).unref();
  }

  private async sweepAndGoOn(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      this.logger.warn({ msg: 'looking for sessions to expire failed; it is tried again', err: error });
    }
    if (!this.shutdown.signal.aborted) this.schedule();
  }

  private async sweepAll(): Promise<number> {
    const { sessionExpiresAfterMs: afterMs } = this.config;
    if (afterMs === null) return 0;
    const limitIso = new Date(this.clock.nowMs() - afterMs).toISOString();
    let expired = 0;
    for (let after: string | undefined = ''; after !== undefined && !this.shutdown.signal.aborted;) {
      const page: string[] = await this.sessions.untouchedSince(limitIso, after, SESSIONS_A_PAGE);
      for (const id of page) expired += (await this.expire(id, limitIso, afterMs)) ? 1 : 0;
      after = page.at(-1);
    }
    if (expired > 0) this.logger.log({ msg: 'sessions have expired', sessions: expired });
    return expired;
  }

  /** Unless it was touched in the meantime. */
  private expire(id: string, limitIso: string, afterMs: number): Promise<boolean> {
    return this.unit.run(async (work) => {
      const session = await this.lifecycle.lockIfThere(work, id);
      if (!session || !(await this.sessions.isUntouchedSince(limitIso, id))) return false;
      await this.lifecycle.processGone(id, 'expired', { reason: `nothing happened for ${Math.round(afterMs / 1_000)} seconds` });
      return true;
    });
  }
}
