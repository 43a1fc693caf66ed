import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../clock.js';
import { newEpoch } from '../ids.js';
import { Database } from './database.js';
import { fingerprintOf } from './fingerprint.js';
import { UnitOfWork } from './unit-of-work.js';
import type { Work } from './work.js';

/** Numbers something anew, and says how many logs that were. */
export type Renumbering = (work: Work) => Promise<number>;

/**
 * Knows at boot whether the database is the one that was served before, or was restored from a copy of it. Numbers that were given
 * after the copy was made are given again, with other content: so everything that readers have cursors of gets a new epoch, before
 * anything is served.
 */
@Injectable()
export class DatabaseIdentity implements OnModuleInit {
  private readonly logger = new Logger(DatabaseIdentity.name);
  private readonly renumberings: Renumbering[] = [];
  private restored: string | null = null;

  constructor(
    private readonly db: Database,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** For who gives epochs. Call it in the constructor. */
  addRenumbering(renumber: Renumbering): void {
    this.renumberings.push(renumber);
  }

  /** When the database was found to be restored, ISO 8601, until {@link settled}; null: it is not. */
  get restoredAt(): string | null {
    return this.restored;
  }

  async onModuleInit(): Promise<void> {
    const fingerprint = await fingerprintOf(this.db);
    const [row] = await this.db.query<{ fingerprint: string | null; restored_at: string | null }>(
      'select fingerprint, restored_at from database_identity where id = 1',
    );
    if (!row) throw new Error('The table database_identity has lost its row.');
    this.restored = row.restored_at;
    if (row.fingerprint === fingerprint) return;
    const isFirst = row.fingerprint === null;
    if (!isFirst) this.restored = this.clock.nowIso();
    await this.unit.run(async (work) => {
      if (!isFirst) await this.renumber(work);
      await work.query('update database_identity set fingerprint = ?, restored_at = ? where id = 1', [fingerprint, this.restored]);
    });
  }

  /** What the restoration means for sessions is done. */
  async settled(): Promise<void> {
    await this.unit.run((work) => work.query('update database_identity set restored_at = null where id = 1'));
    this.restored = null;
  }

  private async renumber(work: Work): Promise<void> {
    let sessions = 0;
    for (const renumber of this.renumberings) sessions += await renumber(work);
    await work.query('update outbox_counter set epoch = ? where id = 1', [newEpoch()]);
    // A listener that had come further than what is there would miss what comes next.
    await work.query(
      'update listener_cursors set position = (select position from outbox_counter) where position > (select position from outbox_counter)',
    );
    work.emit('database.restored', { actor: 'system' }, { sessions });
    this.logger.log({ msg: 'the database was restored: everything is numbered anew, readers begin again', sessions });
  }
}
