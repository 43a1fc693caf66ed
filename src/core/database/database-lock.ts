import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { MusterConfig } from '../../config/muster-config.js';

/** Any number: it only has to be ours among the advisory locks of this database, and not that of the migrations. */
const ADVISORY_LOCK = 4_600_002;
/** A server that was killed holds its lock until PostgreSQL notices; how long that may take. */
const PATIENCE_MS = 5_000;
const RETRY_MS = 250;
const WATCH_MS = 1_000;

/** Another server works on the same database. */
export class DatabaseInUseError extends Error {
  override readonly name = 'DatabaseInUseError';
}

/**
 * Keeps a PostgreSQL database for one server: it would take another's agents for leftovers of its own, and end them. The lock is held
 * by a connection of its own, goes with the process, and is taken again where the database was restarted. SQLite needs none: its file
 * lies in the data directory, which is locked.
 */
@Injectable()
export class DatabaseLock {
  private readonly logger = new Logger(DatabaseLock.name);
  private client: Client | undefined;
  private isReleased = false;

  constructor(private readonly config: MusterConfig) {}

  /** @throws DatabaseInUseError with the remedy */
  async acquire(): Promise<void> {
    if (this.config.database.kind !== 'postgres') return;
    for (const end = performance.now() + PATIENCE_MS; !(await this.tryAcquire(this.config.database.url)); await sleep(RETRY_MS))
      if (performance.now() > end)
        throw new DatabaseInUseError(
          'MUSTER_DATABASE_URL: another Muster server works on this database. Stop it, or use another database: each server needs its own.',
        );
  }

  async release(): Promise<void> {
    this.isReleased = true;
    await this.client?.end();
  }

  private async tryAcquire(url: string): Promise<boolean> {
    const client = new Client({ connectionString: url, application_name: 'muster lock', keepAlive: true });
    client.on('error', (error) => this.logger.warn({ msg: 'the connection that holds the lock on the database failed', err: error }));
    await client.connect();
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [ADVISORY_LOCK]);
    if (rows[0]?.locked !== true) {
      await client.end();
      return false;
    }
    this.client = client;
    client.once('end', () => void this.takeAgain(url));
    return true;
  }

  /** After a restart of the database. Somebody who was quicker is told as what it is: a fault that needs a person. */
  private async takeAgain(url: string): Promise<void> {
    while (!this.isReleased) {
      await sleep(WATCH_MS, undefined, { ref: false });
      try {
        if (await this.tryAcquire(url)) return;
        this.logger.error({ msg: 'another Muster server has taken this database: stop one of them' });
      } catch (error) {
        this.logger.warn({ msg: 'the lock on the database can not be taken again yet', err: error });
      }
    }
  }
}
