import { Injectable } from '@nestjs/common';
import { In, IsNull } from 'typeorm';
import { Database } from '../../core/database/database.js';
import { decodePageKey, type Page, pageOf } from '../../core/paging/page.js';
import { ApiKeyEntity } from './api-key.entity.js';

/** Kinds that people handle; session and browser keys come and go by themselves. */
const MANAGED = ['admin', 'personal', 'service'];
const SORT = '-createdAt';

@Injectable()
export class ApiKeysRepository {
  constructor(private readonly db: Database) {}

  findByHash(hash: string): Promise<ApiKeyEntity | null> {
    return this.db.reading(ApiKeyEntity).findOneBy({ hash });
  }

  find(id: string): Promise<ApiKeyEntity | null> {
    return this.db.reading(ApiKeyEntity).findOneBy({ id });
  }

  findManaged(id: string): Promise<ApiKeyEntity | null> {
    return this.db.reading(ApiKeyEntity).findOneBy({ id, kind: In(MANAGED) });
  }

  /** Newest first; of one principal, or of all. */
  async list(principalId: string | undefined, { cursor, limit }: { cursor?: string; limit: number }): Promise<Page<ApiKeyEntity>> {
    const query = this.db.reading(ApiKeyEntity).createQueryBuilder('k').where('k.kind in (:...kinds)', { kinds: MANAGED });
    if (principalId !== undefined) query.andWhere('k.principalId = :principalId', { principalId });
    if (cursor !== undefined) {
      const { value, id } = decodePageKey(SORT, cursor);
      query.andWhere('(k.createdAt < :value or (k.createdAt = :value and k.id < :id))', { value, id });
    }
    const rows = await query
      .orderBy('k.createdAt', 'DESC')
      .addOrderBy('k.id', 'DESC')
      .limit(limit + 1)
      .getMany();
    return pageOf(rows, limit, SORT, ({ createdAt, id }) => ({ value: createdAt, id }));
  }

  async add(key: ApiKeyEntity): Promise<void> {
    await this.db.writing(ApiKeyEntity).insert(key);
  }

  /** From this time on it is no longer good. */
  async revoke(id: string, revokedAt: string): Promise<void> {
    await this.db.writing(ApiKeyEntity).update({ id }, { revokedAt });
  }

  async revokeOfSession(sessionId: string, revokedAt: string): Promise<void> {
    await this.db.writing(ApiKeyEntity).update({ sessionId, revokedAt: IsNull() }, { revokedAt });
  }

  async noteUse(id: string, lastUsedAt: string): Promise<void> {
    await this.db.writing(ApiKeyEntity).update({ id }, { lastUsedAt });
  }
}
