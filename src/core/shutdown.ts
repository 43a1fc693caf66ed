import { Injectable, type OnModuleDestroy } from '@nestjs/common';

/** The way down: what waits is told at once, what must be on disk is finished before the database closes. */
@Injectable()
export class Shutdown implements OnModuleDestroy {
  private readonly controller = new AbortController();
  private readonly steps: (() => Promise<void>)[] = [];

  /** Aborts when the way down begins. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  onModuleDestroy(): void {
    this.controller.abort();
  }

  /** `step` is awaited after the last request was answered and before the database closes; the one added last comes first. */
  beforeDatabaseCloses(step: () => Promise<void>): void {
    this.steps.unshift(step);
  }

  async finish(): Promise<void> {
    for (const step of this.steps) await step();
  }
}
