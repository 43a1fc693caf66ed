import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { RowReader } from '../../core/database/row-reader.js';
import { Where } from '../../core/database/where.js';
import { WorktreeEntity } from './worktree.entity.js';

@Injectable()
export class WorktreesRepository {
  private readonly rows: RowReader<WorktreeEntity>;

  constructor(private readonly db: Database) {
    this.rows = new RowReader(db, WorktreeEntity, 't');
  }

  async add(worktree: WorktreeEntity): Promise<void> {
    await this.db.writing(WorktreeEntity).insert(worktree);
  }

  async made(id: string, at: string): Promise<void> {
    await this.db.writing(WorktreeEntity).update({ id }, { madeAt: at });
  }

  async remove(id: string): Promise<void> {
    await this.db.writing(WorktreeEntity).delete({ id });
  }

  findByProjectDir(projectDir: string): Promise<WorktreeEntity | null> {
    return this.rows.first(Where.anything.and('t.project_dir = ?', projectDir));
  }

  findOf(workspaceId: string): Promise<WorktreeEntity[]> {
    return this.rows.all(Where.anything.and('t.workspace_id = ?', workspaceId), ' order by t.id');
  }
}
