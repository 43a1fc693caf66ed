import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { RowReader } from '../../core/database/row-reader.js';
import { Where } from '../../core/database/where.js';
import { WorkspaceMemberEntity } from './workspace-member.entity.js';

@Injectable()
export class MembershipsRepository {
  private readonly rows: RowReader<WorkspaceMemberEntity>;

  constructor(private readonly db: Database) {
    this.rows = new RowReader(db, WorkspaceMemberEntity, 'm');
  }

  ofPrincipal(principalId: string): Promise<WorkspaceMemberEntity[]> {
    return this.rows.all(Where.anything.and('m.principal_id = ?', principalId));
  }

  ofWorkspace(workspaceId: string): Promise<WorkspaceMemberEntity[]> {
    return this.rows.all(Where.anything.and('m.workspace_id = ?', workspaceId), ' order by m.principal_id');
  }

  find(workspaceId: string, principalId: string): Promise<WorkspaceMemberEntity | null> {
    return this.rows.first(Where.anything.and('m.workspace_id = ? and m.principal_id = ?', workspaceId, principalId));
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
