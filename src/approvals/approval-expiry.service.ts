import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { EventBus } from '../core/event-bus/event-bus.js';
import { Shutdown } from '../core/shutdown.js';
import { ApprovalRequests } from './approval-requests.service.js';

/** A timer is set for no longer than that: what another process has stored is found then at the latest. */
const MAX_PAUSE_MS = 60_000;
const RETRY_MS = 5_000;

/** Gives up questions that nobody has answered in time. */
@Injectable()
export class ApprovalExpiry implements OnModuleInit, OnApplicationBootstrap {
  private readonly logger = new Logger(ApprovalExpiry.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isAgain = false;

  constructor(
    private readonly requests: ApprovalRequests,
    private readonly clock: Clock,
    private readonly bus: EventBus,
    private readonly shutdown: Shutdown,
  ) {}

  onModuleInit(): void {
    this.shutdown.beforeDatabaseCloses(async () => {
      clearTimeout(this.timer);
      await this.running;
    });
  }

  onApplicationBootstrap(): void {
    this.bus.subscribe(({ name }) => {
      if (name === 'approval.requested') this.look();
    });
    this.look();
  }

  private look(): void {
    this.isAgain = true;
    this.running ??= this.run().finally(() => (this.running = undefined));
  }

  private async run(): Promise<void> {
    let pauseMs = RETRY_MS;
    while (this.isAgain && !this.shutdown.signal.aborted) {
      this.isAgain = false;
      try {
        while (await this.requests.expireDue());
        const next = await this.requests.nextExpiry();
        pauseMs = next === null ? MAX_PAUSE_MS : Math.min(Math.max(Date.parse(next) - this.clock.nowMs(), 0) + 1, MAX_PAUSE_MS);
      } catch (error) {
        this.logger.warn({ msg: 'questions of agents could not be looked through; it is tried again', err: error });
        pauseMs = RETRY_MS;
      }
    }
    clearTimeout(this.timer);
    if (!this.shutdown.signal.aborted) this.timer = setTimeout(() => this.look(), pauseMs).unref();
  }
}
