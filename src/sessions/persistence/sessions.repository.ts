import { Injectable } from '@nestjs/common';
import { Brackets, In, type SelectQueryBuilder } from 'typeorm';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import { decodePageKey, type Page, pageOf } from '../../core/paging/page.js';
import { SessionHeadEntity } from '../../events/persistence/session-event.entity.js';
import type { SessionStatus } from '../session.types.js';
import { InputEntity, SessionEntity, TurnEntity } from './session.entity.js';

export const SESSION_SORTS = ['-createdAt', 'createdAt', '-updatedAt', 'updatedAt', 'name', '-name'] as const;
export type SessionSort = (typeof SESSION_SORTS)[number];

export interface SessionFilter {
  readonly status?: readonly SessionStatus[];
  readonly mode?: string;
  readonly agent?: string;
  readonly workspaceId?: string;
  readonly origin?: readonly string[];
  readonly parentId?: string;
  readonly groupId?: string;
  readonly resumedFromId?: string;
  readonly forkedFromId?: string;
  /** Part of the name, whatever its case. */
  readonly q?: string;
}

/** A session with where its log stands. */
export interface SessionWithHead {
  readonly session: SessionEntity;
  readonly epoch: string;
  readonly lastSeq: number;
  readonly messageCount: number;
}

const SORT_PROPERTIES = { createdAt: 'createdAt', updatedAt: 'updatedAt', name: 'name' } as const;

@Injectable()
export class SessionsRepository {
  constructor(private readonly db: Database) {}

  async add(session: SessionEntity): Promise<void> {
    await this.db.writing(SessionEntity).insert(session);
  }

  async update(id: string, changes: Partial<SessionEntity>): Promise<void> {
    await this.db.writing(SessionEntity).update({ id }, changes);
  }

  async remove(id: string): Promise<void> {
    await this.db.writing(InputEntity).delete({ sessionId: id });
    await this.db.writing(TurnEntity).delete({ sessionId: id });
    await this.db.writing(SessionEntity).delete({ id });
  }

  find(id: string): Promise<SessionEntity | null> {
    return this.db.reading(SessionEntity).findOneBy({ id });
  }

  async findVisible(id: string, visibility: Visibility): Promise<SessionEntity | null> {
    return this.visible(visibility).andWhere('s.id = :id', { id }).getOne();
  }

  /** A caller's own id names a session of its owner. */
  async findByExternalId(externalId: string, visibility: Visibility): Promise<SessionEntity | null> {
    return this.visible(visibility).andWhere('s.externalId = :externalId', { externalId }).orderBy('s.createdAt', 'DESC').getOne();
  }

  /** As {@link findByExternalId}, of one source only; a caller's own goes before those of others. */
  async findBySource(source: string, externalId: string, visibility: Visibility, ownerId: string): Promise<SessionEntity | null> {
    const found = await this.visible(visibility)
      .andWhere('s.source = :source and s.externalId = :externalId', { source, externalId })
      .orderBy('s.createdAt', 'DESC')
      .getMany();
    return found.find((each) => each.ownerId === ownerId) ?? found[0] ?? null;
  }

  findOwnExternal(ownerId: string, source: string, externalId: string): Promise<SessionEntity | null> {
    return this.db.reading(SessionEntity).findOneBy({ ownerId, source, externalId });
  }

  async list(
    filter: SessionFilter,
    visibility: Visibility,
    { sort, cursor, limit, total }: { sort: SessionSort; cursor?: string; limit: number; total?: boolean },
  ): Promise<Page<SessionEntity>> {
    const query = this.filtered(filter, visibility);
    const count = total ? await query.getCount() : undefined;
    const isDescending = sort.startsWith('-');
    const property = SORT_PROPERTIES[isDescending ? asSortKey(sort.slice(1)) : asSortKey(sort)];
    if (cursor !== undefined) {
      const key = decodePageKey(sort, cursor);
      const sign = isDescending ? '<' : '>';
      query.andWhere(
        new Brackets((or) =>
          or
            .where(`s.${property} ${sign} :value`, { value: key.value })
            .orWhere(`(s.${property} = :value and s.id ${sign} :key)`, { value: key.value, key: key.id }),
        ),
      );
    }
    const direction = isDescending ? 'DESC' : 'ASC';
    const rows = await query
      .orderBy(`s.${property}`, direction)
      .addOrderBy('s.id', direction)
      .limit(limit + 1)
      .getMany();
    const page = pageOf(rows, limit, sort, (row) => ({ value: row[property], id: row.id }));
    return count === undefined ? page : { ...page, total: count };
  }

  /** Sessions in any of these statuses, oldest first. */
  findIn(statuses: readonly SessionStatus[]): Promise<SessionEntity[]> {
    return this.db.reading(SessionEntity).find({ where: { status: In([...statuses]) }, order: { createdAt: 'ASC' } });
  }

  countIn(workspaceId: string, statuses: readonly SessionStatus[]): Promise<number> {
    return this.db.reading(SessionEntity).countBy({ workspaceId, status: In([...statuses]) });
  }

  async detach(workspaceId: string): Promise<void> {
    await this.db.writing(SessionEntity).update({ workspaceId }, { workspaceId: null });
  }

  async withHeads(sessions: readonly SessionEntity[]): Promise<SessionWithHead[]> {
    const heads = await this.db.reading(SessionHeadEntity).findBy({ sessionId: In(sessions.map(({ id }) => id)) });
    const byId = new Map(heads.map((head) => [head.sessionId, head]));
    return sessions.flatMap((session) => {
      const head = byId.get(session.id);
      return head ? [{ session, epoch: head.epoch, lastSeq: head.lastSeq, messageCount: head.messageCount }] : [];
    });
  }

  private filtered(filter: SessionFilter, visibility: Visibility): SelectQueryBuilder<SessionEntity> {
    const query = this.visible(visibility);
    if (filter.status?.length) query.andWhere('s.status in (:...status)', { status: filter.status });
    if (filter.origin?.length) query.andWhere('s.origin in (:...origin)', { origin: filter.origin });
    for (const key of ['mode', 'agent', 'workspaceId', 'parentId', 'groupId', 'resumedFromId', 'forkedFromId'] as const)
      if (filter[key] !== undefined) query.andWhere(`s.${key} = :${key}`, { [key]: filter[key] });
    if (filter.q !== undefined)
      query.andWhere("lower(s.name) like :q escape '!'", { q: `%${filter.q.toLowerCase().replace(/[!%_]/g, '!$&')}%` });
    return query;
  }

  private visible(visibility: Visibility): SelectQueryBuilder<SessionEntity> {
    const query = this.db.reading(SessionEntity).createQueryBuilder('s').where('1 = 1');
    if (visibility.all) return query;
    if (visibility.sessionId !== undefined) return query.andWhere('s.id = :ownSession', { ownSession: visibility.sessionId });
    const { ownerId, workspaceIds } = visibility;
    return query.andWhere(
      new Brackets((or) => {
        or.where('(s.workspaceId is null and s.ownerId = :ownerId)', { ownerId });
        if (workspaceIds.length > 0) or.orWhere('s.workspaceId in (:...workspaceIds)', { workspaceIds });
      }),
    );
  }
}

function asSortKey(text: string): keyof typeof SORT_PROPERTIES {
  return text === 'updatedAt' || text === 'name' ? text : 'createdAt';
}
