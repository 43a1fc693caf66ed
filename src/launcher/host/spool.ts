import { setTimeout as sleep } from 'node:timers/promises';
import type { HostEvent, SpoolConsumer, SpoolRecord } from './agent-host.types.js';

const BATCH = 500;
/** As many records may wait before the agent is no longer read. */
const MAX_WAITING = 2_000;
const PAUSES_MS = [50, 250, 1_000, 5_000] as const;

/** Numbers what happens and hands it on, one batch after the other, until each was taken. */
export class Spool {
  private readonly waiting: SpoolRecord[] = [];
  private readonly roomWanted: (() => void)[] = [];
  private last = 0;
  private consumer: SpoolConsumer | undefined;
  private delivering: Promise<void> | undefined;

  constructor(private readonly onTrouble: (error: unknown) => void) {}

  push(event: HostEvent): void {
    this.last += 1;
    this.waiting.push({ ...event, n: this.last });
    this.deliver();
  }

  attach(consumer: SpoolConsumer): void {
    this.consumer = consumer;
    this.deliver();
  }

  /** Changes whenever something is pushed or taken. */
  get progress(): number {
    return this.last * 2 - this.waiting.length;
  }

  get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /** Resolves when there is room for more; at once mostly. */
  async room(): Promise<void> {
    while (this.waiting.length >= MAX_WAITING) await new Promise<void>((resolve) => this.roomWanted.push(resolve));
  }

  /** Resolves when all that was pushed is taken; at once where nobody takes it. */
  async taken(): Promise<void> {
    await this.delivering;
  }

  private deliver(): void {
    const { consumer } = this;
    if (consumer) this.delivering ??= this.deliverAll(consumer).finally(() => (this.delivering = undefined));
  }

  private async deliverAll(consumer: SpoolConsumer): Promise<void> {
    // What one piece of output brings is delivered together.
    await new Promise((resolve) => setImmediate(resolve));
    let failures = 0;
    let batch: SpoolRecord[] = [];
    while (this.waiting.length > 0) {
      // A repetition brings the very same batch: what arrived meanwhile would be taken for done with it.
      if (batch.length === 0) batch = this.waiting.slice(0, BATCH);
      try {
        await consumer(batch);
        this.waiting.splice(0, batch.length);
        batch = [];
        failures = 0;
        this.roomWanted.splice(0).forEach((resolve) => resolve());
      } catch (error) {
        this.onTrouble(error);
        await sleep(PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]);
      }
    }
  }
}
