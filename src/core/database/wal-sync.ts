import { open } from 'node:fs/promises';
import { StorageFailedError } from '../errors/storage.errors.js';

/** As much of a file as is needed here. */
interface SyncedFile {
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Brings SQLite's write-ahead log to the disk after each commit, beside the event loop: with `synchronous=FULL` SQLite does the same within
 * the commit, and everybody waits for the disk. Commits that come while a sync runs share the next one. It is as durable as FULL: a
 * checkpoint, and a log that begins anew, are synced by SQLite itself (https://sqlite.org/pragma.html#pragma_synchronous).
 */
export class WalSync {
  private file: Promise<SyncedFile> | undefined;
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private failure: StorageFailedError | undefined;

  constructor(private readonly open: () => Promise<SyncedFile>) {}

  /** Of the write-ahead log of a database. */
  static of(database: string): WalSync {
    return new WalSync(() => open(`${database}-wal`, 'r'));
  }

  /**
   * Once a sync has failed nobody knows what of the log is on the disk, and a later one that succeeds does not tell: nothing more is
   * written then. @throws StorageFailedError
   */
  assertUsable(): void {
    if (this.failure) throw this.failure;
  }

  /** To be called at once after a commit: resolves when it is on the disk. @throws StorageFailedError, and then it may or may not be */
  committed(): Promise<void> {
    if (!this.running) return this.begin();
    this.next ??= this.running.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  /** Resolves when all that is committed by now is on the disk; undefined where it is already. @throws StorageFailedError */
  get pending(): Promise<void> | undefined {
    return this.next ?? this.running;
  }

  /** Nothing is committed any more. */
  async close(): Promise<void> {
    await this.pending?.catch(() => undefined);
    await (await this.file)?.close();
    this.file = undefined;
  }

  private begin(): Promise<void> {
    this.next = undefined;
    const running = this.sync().finally(() => {
      if (this.running === running) this.running = undefined;
    });
    this.running = running;
    return running;
  }

  private async sync(): Promise<void> {
    this.assertUsable();
    try {
      // Opened once the first commit has made it; it stays the same file for as long as a connection is open.
      this.file ??= this.open();
      const file = await this.file;
      await file.datasync();
    } catch (error) {
      this.failure = new StorageFailedError('its write-ahead log could not be synced: restart the server once the disk is well', error);
      throw this.failure;
    }
  }
}
