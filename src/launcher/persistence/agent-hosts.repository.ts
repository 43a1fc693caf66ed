import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { AgentHostEntity } from './agent-host.entity.js';

@Injectable()
export class AgentHostsRepository {
  constructor(private readonly db: Database) {}

  find(sessionId: string): Promise<AgentHostEntity | null> {
    return this.db.reading(AgentHostEntity).findOneBy({ sessionId });
  }

  all(): Promise<AgentHostEntity[]> {
    return this.db.reading(AgentHostEntity).find({ order: { createdAt: 'ASC' } });
  }

  /** In place of an earlier one of the session. */
  async put(row: AgentHostEntity): Promise<void> {
    await this.db.writing(AgentHostEntity).delete({ sessionId: row.sessionId });
    await this.db.writing(AgentHostEntity).insert(row);
  }

  /** Of that host only: a later one of the same session stays as it is. */
  async update(
    sessionId: string,
    hostId: string,
    changes: Partial<Pick<AgentHostEntity, 'conversation' | 'takenN' | 'resumeN' | 'state'>>,
  ): Promise<void> {
    await this.db.writing(AgentHostEntity).update({ sessionId, hostId }, changes);
  }

  async remove(sessionId: string, hostId: string): Promise<void> {
    await this.db.writing(AgentHostEntity).delete({ sessionId, hostId });
  }
}
