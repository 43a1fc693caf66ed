import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import type { Work } from '../../core/database/work.js';

/** A session whose log still holds something. */
export interface KeptSession {
  readonly id: string;
  readonly workspaceId: string | null;
  readonly earliestSeq: number;
  readonly lastSeq: number;
  /** When the first event that is kept was recorded. */
  readonly keptSince: string;
}

/** Which turns of a session are over, as far as its log is concerned. */
export interface TurnBounds {
  /** The end of the last turn before the first open one; 0 where none has ended. */
  readonly endedThrough: number;
  readonly open: ReadonlySet<number>;
}

@Injectable()
export class RetentionRepository {
  constructor(private readonly db: Database) {}

  /** Some sessions behind `after`, in the order of their ids. */
  async kept(after: string, limit: number): Promise<KeptSession[]> {
    const rows = await this.db.query<{ id: string; workspace_id: string | null; earliest_seq: number; last_seq: number; since: string }>(
      `select s.id, s.workspace_id, h.earliest_seq, h.last_seq, e.recorded_at as since
       from sessions s
       join session_heads h on h.session_id = s.id
       join session_events e on e.session_id = h.session_id and e.seq = h.earliest_seq
       where s.id > ? order by s.id limit ?`,
      [after, limit],
    );
    return rows.map(({ id, workspace_id, earliest_seq, last_seq, since }) => ({
      id,
      workspaceId: workspace_id,
      earliestSeq: earliest_seq,
      lastSeq: last_seq,
      keptSince: since,
    }));
  }

  async turnBounds(sessionId: string): Promise<TurnBounds> {
    const rows = await this.db.query<{ number: number }>('select number from turns where session_id = ? and ended_at is null', [sessionId]);
    const open = rows.map((row) => row.number);
    const [ended] = await this.db.query<{ through: number | null }>(
      'select max(ended_seq) as through from turns where session_id = ? and ended_at is not null and number < ?',
      [sessionId, Math.min(2_147_483_647, ...open)],
    );
    return { endedThrough: ended?.through ?? 0, open: new Set(open) };
  }

  /** Forgets the prompts of turns that ended at `through` or before. */
  async forgetInputs(work: Work, sessionId: string, through: number): Promise<void> {
    await work.query(
      `update inputs set content = '[]' where session_id = ? and content <> '[]' and state <> 'accepted'
       and turn in (select number from turns where session_id = ? and ended_seq <= ?)`,
      [sessionId, sessionId, through],
    );
  }

  /** Forgets what else repeats what a log held that is gone as a whole. */
  async forgetContent(work: Work, sessionId: string): Promise<void> {
    await work.query("update inputs set content = '[]' where session_id = ?", [sessionId]);
    await work.query('update sessions set last_message_preview = null where id = ?', [sessionId]);
  }
}
