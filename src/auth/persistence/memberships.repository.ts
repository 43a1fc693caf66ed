import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { WorkspaceMemberEntity } from './workspace-member.entity.js';

@Injectable()
export class MembershipsRepository {
  constructor(private readonly db: Database) {}

  ofPrincipal(principalId: string): Promise<WorkspaceMemberEntity[]> {
    return this.db.reading(WorkspaceMemberEntity).findBy({ principalId });
  }

  ofWorkspace(workspaceId: string): Promise<WorkspaceMemberEntity[]> {
    return this.db.reading(WorkspaceMemberEntity).find({ where: { workspaceId }, order: { principalId: 'ASC' } });
  }

  find(workspaceId: string, principalId: string): Promise<WorkspaceMemberEntity | null> {
    return this.db.reading(WorkspaceMemberEntity).findOneBy({ workspaceId, principalId });
  }

  async save(member: WorkspaceMemberEntity): Promise<void> {
    await this.db.writing(WorkspaceMemberEntity).upsert(member, ['workspaceId', 'principalId']);
  }

  async remove(workspaceId: string, principalId: string): Promise<void> {
    await this.db.writing(WorkspaceMemberEntity).delete({ workspaceId, principalId });
  }

  async removeAll(workspaceId: string): Promise<void> {
    await this.db.writing(WorkspaceMemberEntity).delete({ workspaceId });
  }
}
