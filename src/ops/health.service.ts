import { Injectable } from '@nestjs/common';
import { Database } from '../core/database/database.js';
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

  constructor(private readonly db: Database) {}

  /** The process answers. */
  live(): HealthResponse {
    return { status: 'ok', version: VERSION, uptimeS: Math.round(process.uptime()), checks: {} };
  }

  /** It can take work: the database answers, and no shutdown is under way. @throws UnavailableError */
  async ready(): Promise<HealthResponse> {
    if (this.isStopping) throw new UnavailableError('The server is shutting down.', { context: { checks: { shutdown: 'under way' } } });
    const database = await this.checkDatabase();
    if (database !== 'ok')
      throw new UnavailableError(`The database does not answer: ${database}`, {
        remedy: 'See the log, and MUSTER_DATABASE_URL.',
        context: { checks: { database } },
      });
    return { ...this.live(), checks: { database } };
  }

  stopping(): void {
    this.isStopping = true;
  }

  private checkDatabase(): Promise<string> {
    this.checking ??= this.askDatabase().finally(() => (this.checking = undefined));
    return this.checking;
  }

  private async askDatabase(): Promise<string> {
    const timeout = new Promise<string>((resolve) =>
      setTimeout(() => resolve(`no answer within ${DATABASE_TIMEOUT_MS} ms`), DATABASE_TIMEOUT_MS).unref(),
    );
    const answer = this.db.query('select 1 as one').then(
      () => 'ok',
      () => 'the connection fails',
    );
    return Promise.race([answer, timeout]);
  }
}
