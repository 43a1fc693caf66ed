import { setTimeout as sleep } from 'node:timers/promises';
import type { HostEvent, SpoolConsumer, SpoolRecord } from './agent-host.types.js';

/** Records one batch has at most, and bytes of them; one always fits. */
const BATCH = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
/** As many records may wait, and bytes of them, before the agent is no longer read. */
const MAX_WAITING = 2_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const PAUSES_MS = [50, 250, 1_000, 5_000] as const;

/** Numbers what happens and hands it on, one batch after the other, until each was taken. */
export class Spool {
  private readonly waiting: { readonly record: SpoolRecord; readonly bytes: number }[] = [];
  private bytes = 0;
  private readonly roomWanted: (() => void)[] = [];
  private last = 0;
  private consumer: SpoolConsumer | undefined;
  private delivering: Promise<void> | undefined;

  constructor(private readonly onTrouble: (error: unknown) => void) {}

  /** `bytes`: about how much it takes; absent for what is small. */
  push(event: HostEvent, bytes = 0): void {
    this.last += 1;
    this.waiting.push({ record: { ...event, n: this.last }, bytes });
    this.bytes += bytes;
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
    while (this.waiting.length >= MAX_WAITING || this.bytes >= MAX_WAITING_BYTES)
      await new Promise<void>((resolve) => this.roomWanted.push(resolve));
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
      if (batch.length === 0) batch = this.next();
      try {
        await consumer(batch);
        for (const { bytes } of this.waiting.splice(0, batch.length)) this.bytes -= bytes;
        batch = [];
        failures = 0;
        this.roomWanted.splice(0).forEach((resolve) => resolve());
      } catch (error) {
        this.onTrouble(error);
        await sleep(PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]);
      }
    }
  }

  private next(): SpoolRecord[] {
    const batch: SpoolRecord[] = [];
    let size = 0;
    for (const { record, bytes } of this.waiting) {
      if (batch.length === BATCH || (batch.length > 0 && size + bytes > BATCH_BYTES)) break;
      batch.push(record);
      size += bytes;
    }
    return batch;
  }
}
