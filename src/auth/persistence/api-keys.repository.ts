import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { Database } from '../../core/database/database.js';
import { RowReader } from '../../core/database/row-reader.js';
import { Where } from '../../core/database/where.js';
import type { Page } from '../../core/paging/page.js';
import { ApiKeyEntity } from './api-key.entity.js';

/** Kinds that people handle; session and browser keys come and go by themselves. */
const MANAGED = ['admin', 'personal', 'service'];

@Injectable()
export class ApiKeysRepository {
  private readonly rows: RowReader<ApiKeyEntity>;

  constructor(private readonly db: Database) {
    this.rows = new RowReader(db, ApiKeyEntity, 'k');
  }

  findByHash(hash: string): Promise<ApiKeyEntity | null> {
    return this.rows.first(Where.anything.and('k.hash = ?', hash));
  }

  find(id: string): Promise<ApiKeyEntity | null> {
    return this.rows.first(Where.anything.and('k.id = ?', id));
  }

  findManaged(id: string): Promise<ApiKeyEntity | null> {
    return this.rows.first(managed().and('k.id = ?', id));
  }

  /** Newest first; of one principal, or of all. */
  list(principalId: string | undefined, { cursor, limit }: { cursor?: string; limit: number }): Promise<Page<ApiKeyEntity>> {
    const where = principalId === undefined ? managed() : managed().and('k.principal_id = ?', principalId);
    return this.rows.page(where, { sort: '-createdAt', cursor, limit });
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

const managed = (): Where => Where.anything.in('k.kind', MANAGED);
