import { Injectable } from '@nestjs/common';
import { Database } from '../core/database/database.js';
import { StorageState } from '../core/database/storage-state.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { UnavailableError } from '../core/errors/domain.error.js';
import { VERSION } from '../core/version.js';
import type { HealthResponse } from './dto/health.response.js';

const DATABASE_TIMEOUT_MS = 2_000;

/** Whether this server can do its work. */
@Injectable()
export class Health {
  private isStopping = false;
  /** Nobody needs credentials to ask: however many do, the database is asked once at a time. */
  private checking: Promise<string> | undefined;

  /** The same for writing, which is tried while it fails: nobody else may. */
  private trying: Promise<void> | undefined;

  constructor(
    private readonly db: Database,
    private readonly storage: StorageState,
    private readonly unit: UnitOfWork,
  ) {}

  /** The process answers; `degraded` where it can read but not write, or where the database promises too little. */
  live(): HealthResponse {
    const { trouble, weak } = this.storage;
    const checks: Record<string, string> = {};
    if (trouble) checks['writes'] = `${trouble.code} since ${trouble.since}`;
    if (weak.size > 0) checks['durability'] = [...weak].map(([name, value]) => `${name}=${value}`).join(', ');
    const status = Object.keys(checks).length > 0 ? 'degraded' : 'ok';
    return { status, version: VERSION, uptimeS: Math.round(process.uptime()), checks };
  }

  /**
   * It can take work: the database answers, and no shutdown is under way. With a full disk it still can, as far as it only reads: a
   * restart would help nobody. @throws UnavailableError
   */
  async ready(): Promise<HealthResponse> {
    if (this.isStopping) throw new UnavailableError('The server is shutting down.', { context: { checks: { shutdown: 'under way' } } });
    const database = await this.checkDatabase();
    if (database !== 'ok')
      throw new UnavailableError(`The database does not answer: ${database}`, {
        remedy: 'See the log, and MUSTER_DATABASE_URL.',
        context: { checks: { database } },
      });
    if (this.storage.trouble) await this.tryToWrite();
    const live = this.live();
    return { ...live, checks: { database, ...live.checks } };
  }

  stopping(): void {
    this.isStopping = true;
  }

  private checkDatabase(): Promise<string> {
    this.checking ??= this.askDatabase().finally(() => (this.checking = undefined));
    return this.checking;
  }

  /** Changes nothing, but takes the same way as what does. Its outcome is noted where those of all units are. */
  private tryToWrite(): Promise<void> {
    const attempt = () => this.unit.run((work) => work.query('update outbox_counter set position = position where id = 1'));
    this.trying ??= within(
      attempt().then(
        () => undefined,
        () => undefined,
      ),
      undefined,
    ).finally(() => (this.trying = undefined));
    return this.trying;
  }

  private async askDatabase(): Promise<string> {
    const answer = this.db.query('select 1 as one').then(
      () => 'ok',
      () => 'the connection fails',
    );
    return within(answer, `no answer within ${DATABASE_TIMEOUT_MS} ms`);
  }
}

function within<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  const timeout = new Promise<T>((resolve) => setTimeout(() => resolve(otherwise), DATABASE_TIMEOUT_MS).unref());
  return Promise.race([answer, timeout]);
}
