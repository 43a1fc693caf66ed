import { Injectable } from '@nestjs/common';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import { forUpdate, placeholders } from '../../core/database/dialect.js';
import { type PageRequest, RowReader } from '../../core/database/row-reader.js';
import { beginningWith, containing, Where } from '../../core/database/where.js';
import type { Page } from '../../core/paging/page.js';
import { WorkspaceEntity } from './workspace.entity.js';
import { WorktreeEntity } from './worktree.entity.js';

/** `-` is descending. */
export const WORKSPACE_SORTS = ['-createdAt', 'createdAt', '-updatedAt', 'updatedAt', 'name', '-name'] as const;
export type WorkspaceSort = (typeof WORKSPACE_SORTS)[number];

export interface WorkspaceFilter {
  /** Part of the name or the path, whatever its case. */
  readonly q?: string;
}

@Injectable()
export class WorkspacesRepository {
  private readonly rows: RowReader<WorkspaceEntity>;
  private readonly worktrees: RowReader<WorktreeEntity>;

  constructor(private readonly db: Database) {
    this.rows = new RowReader(db, WorkspaceEntity, 'w');
    this.worktrees = new RowReader(db, WorktreeEntity, 't');
  }

  /** Adds a workspace. False, and nothing is added, where the path is taken, by however short a time. */
  async add(workspace: WorkspaceEntity): Promise<boolean> {
    await this.db.writing(WorkspaceEntity).createQueryBuilder().insert().values(workspace).orIgnore().execute();
    return (await this.find(workspace.id)) !== null;
  }

  async update(id: string, changes: Partial<WorkspaceEntity>): Promise<void> {
    await this.db.writing(WorkspaceEntity).update({ id }, changes);
  }

  async remove(id: string): Promise<void> {
    await this.db.writing(WorkspaceEntity).delete({ id });
  }

  find(id: string): Promise<WorkspaceEntity | null> {
    return this.rows.first(Where.anything.and('w.id = ?', id));
  }

  findByPath(path: string): Promise<WorkspaceEntity | null> {
    return this.rows.first(Where.anything.and('w.path = ?', path));
  }

  /** Those whose directory is this one, lies above it, or below. */
  findAround(path: string): Promise<WorkspaceEntity[]> {
    return around(this.rows, 'w', path);
  }

  /** As {@link findAround}, the worktrees of sessions. */
  findWorktreesAround(path: string): Promise<WorktreeEntity[]> {
    return around(this.worktrees, 't', path);
  }

  /** Those with a rule of their own for how long events are kept. */
  findRetentions(): Promise<Pick<WorkspaceEntity, 'id' | 'retention'>[]> {
    return this.db.query('select id, retention from workspaces where retention is not null');
  }

  findVisible(id: string, visibility: Visibility): Promise<WorkspaceEntity | null> {
    return this.rows.first(visible(visibility).and('w.id = ?', id));
  }

  /** Keeps others from changing it until the unit ends, and reads it. */
  async lock(id: string): Promise<WorkspaceEntity | null> {
    await this.db.query(`select id from workspaces where id = ?${forUpdate(this.db.dialect)}`, [id]);
    return this.find(id);
  }

  list(
    filter: WorkspaceFilter,
    visibility: Visibility,
    request: PageRequest & { readonly sort: WorkspaceSort },
  ): Promise<Page<WorkspaceEntity>> {
    return this.rows.page(filtered(filter, visibility), request);
  }
}

async function around<T extends WorkspaceEntity | WorktreeEntity>(rows: RowReader<T>, alias: string, path: string): Promise<T[]> {
  const above = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/') || '/');
  const below = path === '/' ? '/' : `${path}/`;
  const exact = [path, ...above];
  const found = await rows.all(
    Where.anything.and(
      `(${alias}.path in ${placeholders(1, exact.length)} or ${alias}.path like ? escape '!')`,
      ...exact,
      beginningWith(below),
    ),
    ` order by ${alias}.id`,
  );
  // SQLite's like takes a for A.
  return found.filter((each) => each.path === path || above.includes(each.path) || each.path.startsWith(below));
}

function filtered({ q }: WorkspaceFilter, visibility: Visibility): Where {
  const where = visible(visibility);
  if (q === undefined) return where;
  // SQLite's lower() knows ASCII only: what it leaves as it is, is also compared as it is.
  const texts = [containing(q.toLowerCase()), containing(q)];
  const either = (column: string) => `lower(${column}) like ? escape '!' or ${column} like ? escape '!'`;
  return where.and(`(${either('w.name')} or ${either('w.path')})`, ...texts, ...texts);
}

function visible(visibility: Visibility): Where {
  if (visibility.all) return Where.anything;
  // An agent sees its own session and nothing around it.
  return Where.anything.in('w.id', visibility.sessionId === undefined ? visibility.workspaceIds : []);
}
