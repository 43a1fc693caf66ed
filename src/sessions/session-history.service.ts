import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { decodePageKey, type Page, pageOf } from '../core/paging/page.js';
import { WorkspacesService } from '../workspaces/workspaces.service.js';
import type { HistoryQuery, ListWorkspaceSessionsQuery } from './dto/session-requests.dto.js';
import { type EndedSession, EndedSessionsRepository } from './persistence/ended-sessions.repository.js';
import type { SessionWithHead } from './persistence/sessions.repository.js';
import { SessionScope } from './session-scope.service.js';
import { SessionsService } from './sessions.service.js';

const SORT = '-endedAt';

/** The sessions that are over, for those who may see their workspace. */
@Injectable()
export class SessionHistory {
  constructor(
    private readonly sessions: EndedSessionsRepository,
    private readonly workspaces: WorkspacesService,
    private readonly scope: SessionScope,
    private readonly views: SessionsService,
  ) {}

  /** Whether they are over or not. @throws WorkspaceNotFoundError, InvalidInputError where the cursor is not of this list */
  async sessionsOf(principal: Principal, workspaceId: string, query: ListWorkspaceSessionsQuery): Promise<Page<SessionWithHead>> {
    const { id } = await this.workspaces.getVisible(principal, workspaceId);
    return this.views.list(principal, { ...query, workspaceId: id });
  }

  /** The last one first. @throws WorkspaceNotFoundError, InvalidInputError where the cursor is not of this list */
  async of(principal: Principal, workspaceId: string, { cursor, limit }: HistoryQuery): Promise<Page<EndedSession>> {
    const { id } = await this.workspaces.getVisible(principal, workspaceId);
    const before = cursor === undefined ? undefined : decodePageKey(SORT, cursor);
    const rows = await this.sessions.in(id, this.scope.visibilityOf(principal), { before, limit: limit + 1 });
    return pageOf(rows, limit, SORT, (row) => ({ value: row.endedAt, id: row.id }));
  }
}
