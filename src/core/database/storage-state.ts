import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../clock.js';
import { DatabaseUnavailableError, type StorageError } from '../errors/storage.errors.js';

/** Since when writes fail, and why. */
export interface StorageTrouble {
  /** A code of the API, as in `storage_full`. */
  readonly code: string;
  readonly since: string;
}

/** How the database takes writes: what the last one met, how many failed, and which of its settings promise less than they should. */
@Injectable()
export class StorageState {
  /** Failed units of work and checkpoints by code, since the start of this process. */
  readonly failures = new Map<string, number>();
  /** Settings of PostgreSQL that are weak and allowed to be, with their values. */
  readonly weak = new Map<string, string>();
  private readonly logger = new Logger('Storage');
  private current: StorageTrouble | undefined;

  constructor(private readonly clock: Clock) {}

  /** Absent: the last write was kept. */
  get trouble(): StorageTrouble | undefined {
    return this.current;
  }

  /** A write failed. Told once for as long as it goes on: what heals by itself as a warning, what needs a person as an error. */
  failed(error: StorageError): void {
    const { code } = error;
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
    if (this.current?.code === code) return;
    this.current = { code, since: this.current?.since ?? this.clock.nowIso() };
    const line = { msg: 'writes to the database fail', code, err: error.cause };
    if (error instanceof DatabaseUnavailableError) this.logger.warn(line);
    else this.logger.error({ ...line, remedy: error.details.remedy });
  }

  /** A write was kept. */
  succeeded(): void {
    if (!this.current) return;
    this.logger.log({ msg: 'writes to the database are kept again', code: this.current.code, since: this.current.since });
    this.current = undefined;
  }

  /** A setting that was allowed by name. Told once. */
  allowedWeak(name: string, value: string): void {
    if (this.weak.get(name) === value) return;
    this.weak.set(name, value);
    this.logger.warn({
      msg: `PostgreSQL runs with ${name}=${value}, as MUSTER_DATABASE_ALLOW_WEAK allows: what was acknowledged may be lost with the power`,
    });
  }
}
