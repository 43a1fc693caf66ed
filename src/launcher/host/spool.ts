import type { HostEvent } from './agent-host.types.js';
import type { SpoolFiles } from './spool-files.js';

/** Records one batch has at most, and bytes of them; one always fits. */
const BATCH = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
/** As many records may wait, and bytes of them, before the agent is no longer read: hours of an agent at work, and a bounded part of the disk. */
const MAX_WAITING = 100_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** How often a disk that took no record is tried again. */
const RETRY_MS = 500;

/** Records for a reader, as JSON texts in order. */
export interface SpoolBatch {
  readonly last: number;
  readonly records: readonly string[];
}

interface Reader {
  readonly send: (batch: SpoolBatch) => void;
  /** What was sent last. */
  sent: number;
}

/** Numbers what happens, keeps it on disk, and hands it to a reader, one batch after the other, until each was taken. Readers come and go. */
export class Spool {
  private reader: Reader | undefined;
  private numbered = 0;
  private acknowledged = 0;
  /** What the disk did not take yet. */
  private readonly unwritten: string[] = [];
  private retry: NodeJS.Timeout | undefined;
  private isDue = false;
  private readonly waiters = new Set<() => void>();

  constructor(
    private readonly files: SpoolFiles,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  push(event: HostEvent): void {
    this.numbered += 1;
    this.unwritten.push(JSON.stringify({ ...event, n: this.numbered }));
    this.write();
  }

  /** Number of the last record. */
  get last(): number {
    return this.numbered;
  }

  /** Number of the first record that is still there. */
  get first(): number {
    return this.files.first;
  }

  /** Number of the last record that was taken. */
  get taken(): number {
    return this.acknowledged;
  }

  /** No more is to be pushed, if that can be helped. */
  get isFull(): boolean {
    const { unwritten, numbered, acknowledged } = this;
    return unwritten.length > 0 || numbered - acknowledged >= MAX_WAITING || this.files.bytesAfter(acknowledged) >= MAX_WAITING_BYTES;
  }

  /** A reader comes, in place of an earlier one, and gets what is behind `after`. */
  read(after: number, send: (batch: SpoolBatch) => void): void {
    this.reader = { send, sent: after };
    this.acknowledged = after;
    this.sendNext();
  }

  /** Nobody reads any more, if `send` is still the one who did. */
  leave(send: (batch: SpoolBatch) => void): void {
    if (this.reader?.send === send) this.reader = undefined;
  }

  /** The reader has taken all up to `n`, and will never ask for what stands before `keepFrom`. */
  acknowledge(n: number, keepFrom: number): void {
    this.acknowledged = Math.max(this.acknowledged, Math.min(n, this.files.last));
    this.files.trim(Math.min(keepFrom - 1, this.acknowledged));
    this.waiters.forEach((look) => look());
    this.sendNext();
  }

  /** Resolves when there is room for more; at once mostly. */
  room(): Promise<void> {
    return this.until(() => !this.isFull);
  }

  /** Resolves when all that was pushed is taken. */
  allTaken(): Promise<void> {
    return this.until(() => this.acknowledged === this.numbered);
  }

  private write(): void {
    if (this.retry) return;
    try {
      for (let [line] = this.unwritten; line !== undefined; [line] = this.unwritten) {
        this.files.append(line);
        this.unwritten.shift();
      }
    } catch (error) {
      this.onTrouble(error);
      this.retry = setTimeout(() => {
        this.retry = undefined;
        this.write();
        this.waiters.forEach((look) => look());
      }, RETRY_MS);
    }
    this.sendSoon();
  }

  /** What one piece of output brings is sent together. */
  private sendSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    setImmediate(() => {
      this.isDue = false;
      this.sendNext();
    });
  }

  private sendNext(): void {
    const { reader } = this;
    if (!reader || reader.sent > this.acknowledged) return;
    const { last, lines } = this.files.read(reader.sent, BATCH, BATCH_BYTES);
    if (lines.length === 0) return;
    reader.sent = last;
    reader.send({ last, records: lines });
  }

  private until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.waiters.delete(look);
        resolve();
      };
      this.waiters.add(look);
    });
  }
}
