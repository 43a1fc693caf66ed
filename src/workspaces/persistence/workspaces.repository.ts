import { Injectable } from '@nestjs/common';
import { Brackets, In, IsNull, Not, type SelectQueryBuilder } from 'typeorm';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import { forUpdate } from '../../core/database/dialect.js';
import { decodePageKey, type Page, pageOf } from '../../core/paging/page.js';
import { WorkspaceEntity } from './workspace.entity.js';

/** Each order with the column it goes by; `-` is descending. */
const SORTS = {
  '-createdAt': 'createdAt',
  createdAt: 'createdAt',
  '-updatedAt': 'updatedAt',
  updatedAt: 'updatedAt',
  name: 'name',
  '-name': 'name',
} as const;
export type WorkspaceSort = keyof typeof SORTS;
export const WORKSPACE_SORTS: readonly WorkspaceSort[] = ['-createdAt', 'createdAt', '-updatedAt', 'updatedAt', 'name', '-name'];

export interface WorkspaceFilter {
  /** Part of the name or the path, whatever its case. */
  readonly q?: string;
}

export interface WorkspacePaging {
  readonly sort: WorkspaceSort;
  readonly cursor?: string;
  readonly limit: number;
  readonly total?: boolean;
}

@Injectable()
export class WorkspacesRepository {
  constructor(private readonly db: Database) {}

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
    return this.db.reading(WorkspaceEntity).findOneBy({ id });
  }

  findByPath(path: string): Promise<WorkspaceEntity | null> {
    return this.db.reading(WorkspaceEntity).findOneBy({ path });
  }

  /** Those whose directory is this one, lies above it, or below. */
  async findAround(path: string): Promise<WorkspaceEntity[]> {
    const above = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/') || '/');
    const below = path === '/' ? '/' : `${path}/`;
    const found = await this.db
      .reading(WorkspaceEntity)
      .createQueryBuilder('w')
      .where({ path: In([path, ...above]) })
      .orWhere("w.path like :below escape '!'", { below: `${below.replace(/[!%_]/g, '!$&')}%` })
      .orderBy('w.id')
      .getMany();
    // SQLite's like takes a for A.
    return found.filter((each) => each.path === path || above.includes(each.path) || each.path.startsWith(below));
  }

  /** Those with a rule of their own for how long events are kept. */
  findRetentions(): Promise<Pick<WorkspaceEntity, 'id' | 'retention'>[]> {
    return this.db.reading(WorkspaceEntity).find({ select: { id: true, retention: true }, where: { retention: Not(IsNull()) } });
  }

  findVisible(id: string, visibility: Visibility): Promise<WorkspaceEntity | null> {
    return this.visible(visibility).andWhere('w.id = :id', { id }).getOne();
  }

  /** Keeps others from changing it until the unit ends, and reads it. */
  async lock(id: string): Promise<WorkspaceEntity | null> {
    await this.db.query(`select id from workspaces where id = ?${forUpdate(this.db.dialect)}`, [id]);
    return this.find(id);
  }

  async list(
    filter: WorkspaceFilter,
    visibility: Visibility,
    { sort, cursor, limit, total }: WorkspacePaging,
  ): Promise<Page<WorkspaceEntity>> {
    const query = this.filtered(filter, visibility);
    const count = total ? await query.getCount() : undefined;
    const column = SORTS[sort];
    const isDescending = sort.startsWith('-');
    if (cursor !== undefined) {
      const { value, id } = decodePageKey(sort, cursor);
      const sign = isDescending ? '<' : '>';
      query.andWhere(
        new Brackets((or) =>
          or.where(`w.${column} ${sign} :value`, { value }).orWhere(`(w.${column} = :value and w.id ${sign} :key)`, { value, key: id }),
        ),
      );
    }
    const direction = isDescending ? 'DESC' : 'ASC';
    const rows = await query
      .orderBy(`w.${column}`, direction)
      .addOrderBy('w.id', direction)
      .limit(limit + 1)
      .getMany();
    const page = pageOf(rows, limit, sort, (row) => ({ value: row[column], id: row.id }));
    return count === undefined ? page : { ...page, total: count };
  }

  private filtered({ q }: WorkspaceFilter, visibility: Visibility): SelectQueryBuilder<WorkspaceEntity> {
    const query = this.visible(visibility);
    if (q === undefined) return query;
    // SQLite's lower() knows ASCII only: what it leaves as it is, is also compared as it is.
    const [lower, asGiven] = [q.toLowerCase(), q].map((text) => `%${text.replace(/[!%_]/g, '!$&')}%`);
    const either = (column: string) => `lower(${column}) like :lower escape '!' or ${column} like :asGiven escape '!'`;
    return query.andWhere(`(${either('w.name')} or ${either('w.path')})`, { lower, asGiven });
  }

  private visible(visibility: Visibility): SelectQueryBuilder<WorkspaceEntity> {
    const query = this.db.reading(WorkspaceEntity).createQueryBuilder('w').where('1 = 1');
    if (visibility.all) return query;
    // An agent sees its own session and nothing around it.
    if (visibility.sessionId !== undefined) return query.andWhere('1 = 0');
    const { workspaceIds } = visibility;
    return workspaceIds.length > 0 ? query.andWhere('w.id in (:...workspaceIds)', { workspaceIds }) : query.andWhere('1 = 0');
  }
}
