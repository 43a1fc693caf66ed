import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { SessionTreeEntity } from './session-tree.entity.js';

@Injectable()
export class SessionTreesRepository {
  constructor(private readonly db: Database) {}

  find(sessionId: string): Promise<SessionTreeEntity | null> {
    return this.db.reading(SessionTreeEntity).findOneBy({ sessionId });
  }

  async add(tree: SessionTreeEntity): Promise<void> {
    await this.db.writing(SessionTreeEntity).insert(tree);
  }

  async update(sessionId: string, changes: Pick<SessionTreeEntity, 'turn' | 'tree'>): Promise<void> {
    await this.db.writing(SessionTreeEntity).update({ sessionId }, changes);
  }
}
