import { Injectable } from '@nestjs/common';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import { placeholders } from '../../core/database/dialect.js';
import { type PageRequest, RowReader } from '../../core/database/row-reader.js';
import { beginningWith, containing, Where } from '../../core/database/where.js';
import type { Page } from '../../core/paging/page.js';
import type { SessionStatus } from '../session.types.js';
import { InputEntity, SessionEntity, TurnEntity } from './session.entity.js';
import { SessionTreeEntity } from './session-tree.entity.js';

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

/** A caller's own id names a session as well as ours does. */
export type SessionName = { readonly id: string } | { readonly externalId: string };

/** Where the log of a session stands. */
interface HeadColumns {
  readonly epoch: string;
  readonly lastSeq: number;
  readonly messageCount: number;
}

/** A session with where its log stands, as of one moment. */
export interface SessionWithHead extends HeadColumns {
  readonly session: SessionEntity;
}

const HEADS = {
  join: ' join session_heads h on h.session_id = s.id',
  columns: 'h.epoch as "epoch", h.last_seq as "lastSeq", h.message_count as "messageCount"',
};
const NEWEST_FIRST = ' order by s.created_at desc';

@Injectable()
export class SessionsRepository {
  private readonly rows: RowReader<SessionEntity>;
  private readonly views: RowReader<SessionEntity, HeadColumns>;

  constructor(private readonly db: Database) {
    this.rows = new RowReader(db, SessionEntity, 's');
    this.views = new RowReader(db, SessionEntity, 's', HEADS);
  }

  async add(session: SessionEntity): Promise<void> {
    await this.db.writing(SessionEntity).insert(session);
  }

  async update(id: string, changes: Partial<SessionEntity>): Promise<void> {
    await this.db.writing(SessionEntity).update({ id }, changes);
  }

  async remove(id: string): Promise<void> {
    await this.db.writing(InputEntity).delete({ sessionId: id });
    await this.db.writing(TurnEntity).delete({ sessionId: id });
    await this.db.writing(SessionTreeEntity).delete({ sessionId: id });
    await this.db.writing(SessionEntity).delete({ id });
  }

  find(id: string): Promise<SessionEntity | null> {
    return this.rows.first(Where.anything.and('s.id = ?', id));
  }

  findVisible(name: SessionName, visibility: Visibility): Promise<SessionEntity | null> {
    return this.rows.first(named(name, visibility), NEWEST_FIRST);
  }

  async findVisibleView(name: SessionName, visibility: Visibility): Promise<SessionWithHead | null> {
    const row = await this.views.first(named(name, visibility), NEWEST_FIRST);
    return row && viewOf(row);
  }

  async findView(id: string): Promise<SessionWithHead | null> {
    const row = await this.views.first(Where.anything.and('s.id = ?', id));
    return row && viewOf(row);
  }

  /** By its external id of one source only; a caller's own goes before those of others. */
  async findBySource(source: string, externalId: string, visibility: Visibility, ownerId: string): Promise<SessionEntity | null> {
    const where = visible(visibility).and('s.source = ? and s.external_id = ?', source, externalId);
    const found = await this.rows.all(where, NEWEST_FIRST);
    return found.find((each) => each.ownerId === ownerId) ?? found[0] ?? null;
  }

  findOwnExternal(ownerId: string, source: string, externalId: string): Promise<SessionEntity | null> {
    return this.rows.first(Where.anything.and('s.owner_id = ? and s.source = ? and s.external_id = ?', ownerId, source, externalId));
  }

  async list(
    filter: SessionFilter,
    visibility: Visibility,
    request: PageRequest & { readonly sort: SessionSort },
  ): Promise<Page<SessionWithHead>> {
    const page = await this.views.page(filtered(filter, visibility), request);
    return { ...page, items: page.items.map(viewOf) };
  }

  /** Sessions in any of these statuses, oldest first. */
  findIn(statuses: readonly SessionStatus[]): Promise<SessionEntity[]> {
    return this.rows.all(Where.anything.in('s.status', statuses), ' order by s.created_at');
  }

  countIn(workspaceId: string, statuses: readonly SessionStatus[]): Promise<number> {
    return this.rows.count(Where.anything.and('s.workspace_id = ?', workspaceId).in('s.status', statuses));
  }

  /** Some session that works in this directory, or below it. */
  findInDirectory(path: string): Promise<SessionEntity | null> {
    return this.rows.first(
      Where.anything.and("(s.project_dir = ? or s.project_dir like ? escape '!')", path, beginningWith(`${path}/`)),
      NEWEST_FIRST,
    );
  }

  async detach(workspaceId: string): Promise<void> {
    await this.db.writing(SessionEntity).update({ workspaceId }, { workspaceId: null });
  }
}

const viewOf = (row: SessionEntity & HeadColumns): SessionWithHead => ({
  session: row,
  epoch: row.epoch,
  lastSeq: row.lastSeq,
  messageCount: row.messageCount,
});

const EQUAL = {
  mode: 's.mode = ?',
  agent: 's.agent = ?',
  workspaceId: 's.workspace_id = ?',
  parentId: 's.parent_id = ?',
  groupId: 's.group_id = ?',
  resumedFromId: 's.resumed_from_id = ?',
  forkedFromId: 's.forked_from_id = ?',
} as const;

function filtered(filter: SessionFilter, visibility: Visibility): Where {
  let where = visible(visibility);
  if (filter.status?.length) where = where.in('s.status', filter.status);
  if (filter.origin?.length) where = where.in('s.origin', filter.origin);
  for (const key of ['mode', 'agent', 'workspaceId', 'parentId', 'groupId', 'resumedFromId', 'forkedFromId'] as const)
    if (filter[key] !== undefined) where = where.and(EQUAL[key], filter[key]);
  return filter.q === undefined ? where : where.and("lower(s.name) like ? escape '!'", containing(filter.q.toLowerCase()));
}

function named(name: SessionName, visibility: Visibility): Where {
  return 'id' in name ? visible(visibility).and('s.id = ?', name.id) : visible(visibility).and('s.external_id = ?', name.externalId);
}

function visible(visibility: Visibility): Where {
  if (visibility.all) return Where.anything;
  if (visibility.sessionId !== undefined) return Where.anything.and('s.id = ?', visibility.sessionId);
  const { ownerId, workspaceIds } = visibility;
  const own = 's.workspace_id is null and s.owner_id = ?';
  if (workspaceIds.length === 0) return Where.anything.and(own, ownerId);
  return Where.anything.and(`((${own}) or s.workspace_id in ${placeholders(1, workspaceIds.length)})`, ownerId, ...workspaceIds);
}
