import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { placeholders } from '../../core/database/dialect.js';
import { movesFrom } from '../session.state.js';
import { SESSION_STATUSES } from '../session.types.js';

const MAY_EXPIRE = SESSION_STATUSES.filter((status) => movesFrom(status, 'external').includes('expired'));

const UNTOUCHED = `from sessions s
  join session_heads h on h.session_id = s.id
  join session_events e on e.session_id = h.session_id and e.seq = h.last_seq
  where s.updated_at < ? and e.recorded_at < ? and s.status in ${placeholders(1, MAY_EXPIRE.length)}`;

/** Sessions that nothing has happened to: neither row nor log was written since. */
@Injectable()
export class ExpiryRepository {
  constructor(private readonly db: Database) {}

  /** Some that were last touched before `limitIso`, in the order of their ids behind `after`. */
  async untouchedSince(limitIso: string, after: string, limit: number): Promise<string[]> {
    const rows = await this.db.query<{ id: string }>(`select s.id ${UNTOUCHED} and s.id > ? order by s.id limit ?`, [
      limitIso,
      limitIso,
      ...MAY_EXPIRE,
      after,
      limit,
    ]);
    return rows.map(({ id }) => id);
  }

  async isUntouchedSince(limitIso: string, id: string): Promise<boolean> {
    return (await this.db.query(`select s.id ${UNTOUCHED} and s.id = ?`, [limitIso, limitIso, ...MAY_EXPIRE, id])).length > 0;
  }
}
