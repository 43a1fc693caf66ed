import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { Database } from '../../core/database/database.js';
import { ApiKeyEntity } from './api-key.entity.js';

@Injectable()
export class ApiKeysRepository {
  constructor(private readonly db: Database) {}

  findByHash(hash: string): Promise<ApiKeyEntity | null> {
    return this.db.reading(ApiKeyEntity).findOneBy({ hash, revokedAt: IsNull() });
  }

  async add(key: ApiKeyEntity): Promise<void> {
    await this.db.writing(ApiKeyEntity).insert(key);
  }

  async revokeOfSession(sessionId: string, revokedAt: string): Promise<void> {
    await this.db.writing(ApiKeyEntity).update({ sessionId, revokedAt: IsNull() }, { revokedAt });
  }
}
