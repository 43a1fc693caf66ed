import { Injectable } from '@nestjs/common';
import { Brackets, IsNull, LessThanOrEqual, Not, type SelectQueryBuilder } from 'typeorm';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import { decodePageKey, type Page, pageOf } from '../../core/paging/page.js';
import type { EventSource } from '../../events/event-log.types.js';
import type { ApprovalStatus } from '../approval.types.js';
import { ApprovalEntity } from './approval.entity.js';

export interface ApprovalFilter {
  readonly status?: readonly ApprovalStatus[];
  readonly workspaceId?: string;
  readonly sessionId?: string;
}

export interface ApprovalPage {
  readonly cursor?: string;
  readonly limit: number;
  readonly total?: boolean;
}

const SORT = '-createdAt';

@Injectable()
export class ApprovalsRepository {
  constructor(private readonly db: Database) {}

  async add(approval: ApprovalEntity): Promise<void> {
    await this.db.writing(ApprovalEntity).insert(approval);
  }

  async update(id: string, changes: Partial<ApprovalEntity>): Promise<void> {
    await this.db.writing(ApprovalEntity).update({ id }, changes);
  }

  async removeOf(sessionId: string): Promise<void> {
    await this.db.writing(ApprovalEntity).delete({ sessionId });
  }

  /** Forgets what was asked with events up to `through`. */
  async forgetDetails(sessionId: string, through: number): Promise<void> {
    const asked = { sessionId, seq: LessThanOrEqual(through), status: Not<ApprovalStatus>('pending') };
    await this.db.writing(ApprovalEntity).update({ ...asked, detail: Not(IsNull()) }, { detail: null });
  }

  find(id: string): Promise<ApprovalEntity | null> {
    return this.db.reading(ApprovalEntity).findOneBy({ id });
  }

  findVisible(id: string, visibility: Visibility): Promise<ApprovalEntity | null> {
    return this.visible(visibility).andWhere('a.id = :id', { id }).getOne();
  }

  pendingOf(sessionId: string): Promise<ApprovalEntity[]> {
    return this.db.reading(ApprovalEntity).find({ where: { sessionId, status: 'pending' }, order: { createdAt: 'ASC', id: 'ASC' } });
  }

  async pendingFrom(source: EventSource): Promise<string[]> {
    const rows = await this.db.reading(ApprovalEntity).find({ where: { source, status: 'pending' }, select: { id: true } });
    return rows.map(({ id }) => id);
  }

  hasPending(sessionId: string): Promise<boolean> {
    return this.db.reading(ApprovalEntity).existsBy({ sessionId, status: 'pending' });
  }

  /** The last ones of a host of an agent that nobody waits to answer any more. */
  closedAt(hostId: string, limit: number): Promise<ApprovalEntity[]> {
    return this.db.reading(ApprovalEntity).find({
      where: { hostId, status: Not<ApprovalStatus>('pending') },
      order: { createdAt: 'DESC', id: 'DESC' },
      take: limit,
    });
  }

  /** Those nobody has answered in time. */
  due(nowIso: string, limit: number): Promise<ApprovalEntity[]> {
    return this.db.reading(ApprovalEntity).find({
      where: { status: 'pending', expiresAt: LessThanOrEqual(nowIso) },
      order: { expiresAt: 'ASC' },
      take: limit,
    });
  }

  /** When the next one is given up; null where none is. */
  async nextExpiry(): Promise<string | null> {
    const next = await this.db.reading(ApprovalEntity).findOne({
      where: { status: 'pending', expiresAt: Not(IsNull()) },
      order: { expiresAt: 'ASC' },
    });
    return next?.expiresAt ?? null;
  }

  /** Newest first. @throws InvalidInputError where the cursor is not of this list */
  async list(filter: ApprovalFilter, visibility: Visibility, { cursor, limit, total }: ApprovalPage): Promise<Page<ApprovalEntity>> {
    const query = this.visible(visibility);
    if (filter.status?.length) query.andWhere('a.status in (:...status)', { status: filter.status });
    if (filter.sessionId !== undefined) query.andWhere('a.sessionId = :sessionId', { sessionId: filter.sessionId });
    if (filter.workspaceId !== undefined) query.andWhere('s.workspace_id = :workspaceId', { workspaceId: filter.workspaceId });
    const count = total ? await query.getCount() : undefined;
    if (cursor !== undefined) {
      const { value, id } = decodePageKey(SORT, cursor);
      query.andWhere(
        new Brackets((or) =>
          or.where('a.createdAt < :value', { value }).orWhere('(a.createdAt = :value and a.id < :key)', { value, key: id }),
        ),
      );
    }
    const rows = await query
      .orderBy('a.createdAt', 'DESC')
      .addOrderBy('a.id', 'DESC')
      .limit(limit + 1)
      .getMany();
    const page = pageOf(rows, limit, SORT, ({ createdAt, id }) => ({ value: createdAt, id }));
    return count === undefined ? page : { ...page, total: count };
  }

  /** Who may see an approval is a matter of its session, which may change its workspace. */
  private visible(visibility: Visibility): SelectQueryBuilder<ApprovalEntity> {
    const query = this.db.reading(ApprovalEntity).createQueryBuilder('a').innerJoin('sessions', 's', 's.id = a.session_id');
    if (visibility.all) return query.where('1 = 1');
    if (visibility.sessionId !== undefined) return query.where('s.id = :ownSession', { ownSession: visibility.sessionId });
    const { ownerId, workspaceIds } = visibility;
    return query.where(
      new Brackets((or) => {
        or.where('(s.workspace_id is null and s.owner_id = :ownerId)', { ownerId });
        if (workspaceIds.length > 0) or.orWhere('s.workspace_id in (:...workspaceIds)', { workspaceIds });
      }),
    );
  }
}
