import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import type { Work } from '../../core/database/work.js';
import type { OpenBlock } from '../event-log.types.js';

interface Row {
  session_id: string;
  block_id: string;
  turn: number | null;
  kind: 'message' | 'thought';
  body: string;
}

@Injectable()
export class OpenBlocksStore {
  constructor(private readonly db: Database) {}

  async save(work: Work, blocks: readonly (OpenBlock & { startedAt: string })[]): Promise<void> {
    for (const { sessionId, blockId, turn, kind, text, startedAt } of blocks)
      await work.query(
        'insert into open_blocks (session_id, block_id, turn, kind, body, started_at) values (?, ?, ?, ?, ?, ?) on conflict (session_id, block_id) do update set body = excluded.body',
        // As JSON, which can hold what a column of text can't: NUL, and half of a surrogate pair whose other half has not come yet.
        [sessionId, blockId, turn, kind, JSON.stringify(text), startedAt],
      );
  }

  async all(): Promise<OpenBlock[]> {
    const rows = await this.db.query<Row>('select session_id, block_id, turn, kind, body from open_blocks order by session_id, started_at');
    return rows.map((row) => ({
      sessionId: row.session_id,
      blockId: row.block_id,
      turn: row.turn,
      kind: row.kind,
      text: textOf(row.body),
    }));
  }

  async remove(work: Work, sessionId: string, blockId: string): Promise<void> {
    await work.query('delete from open_blocks where session_id = ? and block_id = ?', [sessionId, blockId]);
  }
}

/** What was not written so is taken as it is: no row may keep the server from starting. */
function textOf(body: string): string {
  try {
    const text: unknown = JSON.parse(body);
    return typeof text === 'string' ? text : body;
  } catch {
    return body;
  }
}
