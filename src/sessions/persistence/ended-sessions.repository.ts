import { Injectable } from '@nestjs/common';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import type { PageKey } from '../../core/paging/page.js';
import type { SessionStatus } from '../session.types.js';

/** A session that has ended, as far as a history shows it. */
export interface EndedSession {
  readonly id: string;
  readonly workspaceId: string;
  readonly name: string;
  readonly agent: string;
  readonly mode: string | null;
  readonly model: string | null;
  readonly status: SessionStatus;
  readonly endReason: string | null;
  readonly lastMessagePreview: string | null;
  readonly resumedFromId: string | null;
  readonly forkedFromId: string | null;
  readonly ownerId: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string;
  readonly messageCount: number;
}

const COLUMNS = `s.id, s.workspace_id as "workspaceId", s.name, s.agent, s.mode, s.model, s.status, s.end_reason as "endReason",
  s.last_message_preview as "lastMessagePreview", s.resumed_from_id as "resumedFromId", s.forked_from_id as "forkedFromId",
  s.owner_id as "ownerId", s.created_at as "createdAt", s.started_at as "startedAt", s.ended_at as "endedAt", h.message_count as "messageCount"`;

@Injectable()
export class EndedSessionsRepository {
  constructor(private readonly db: Database) {}

  /** Those of a workspace that ended before `before`, the last one first; the index has them in this order. */
  async in(workspaceId: string, visibility: Visibility, { before, limit }: { before?: PageKey; limit: number }): Promise<EndedSession[]> {
    const conditions: [string, readonly unknown[]][] = [['s.workspace_id = ? and s.ended_at is not null', [workspaceId]]];
    if (before) conditions.push(['(s.ended_at, s.id) < (?, ?)', [before.value, before.id]]);
    if (!visibility.all && visibility.sessionId !== undefined) conditions.push(['s.id = ?', [visibility.sessionId]]);
    return this.db.query<EndedSession>(
      `select ${COLUMNS} from sessions s join session_heads h on h.session_id = s.id
       where ${conditions.map(([sql]) => sql).join(' and ')} order by s.ended_at desc, s.id desc limit ?`,
      [...conditions.flatMap(([, parameters]) => parameters), limit],
    );
  }
}
