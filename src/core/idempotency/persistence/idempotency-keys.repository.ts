import { Injectable } from '@nestjs/common';
import { In, LessThanOrEqual, MoreThan } from 'typeorm';
import { Database } from '../../database/database.js';
import { IdempotencyKeyEntity } from './idempotency-key.entity.js';

@Injectable()
export class IdempotencyKeysRepository {
  constructor(private readonly db: Database) {}

  find(id: string, nowIso: string): Promise<IdempotencyKeyEntity | null> {
    return this.db.reading(IdempotencyKeyEntity).findOneBy({ id, expiresAt: MoreThan(nowIso) });
  }

  /** In place of one that is past its time. Fails where another server was faster, and with it the unit that it is part of. */
  async add(row: IdempotencyKeyEntity): Promise<void> {
    const rows = this.db.writing(IdempotencyKeyEntity);
    await rows.delete({ id: row.id, expiresAt: LessThanOrEqual(row.createdAt) });
    await rows.insert(row);
  }

  /** Removes up to `limit` that are past their time; tells how many. */
  async removeExpired(nowIso: string, limit: number): Promise<number> {
    const rows = this.db.writing(IdempotencyKeyEntity);
    const expired = await rows.find({ select: { id: true }, where: { expiresAt: LessThanOrEqual(nowIso) }, take: limit });
    if (expired.length > 0) await rows.delete({ id: In(expired.map(({ id }) => id)) });
    return expired.length;
  }
}
