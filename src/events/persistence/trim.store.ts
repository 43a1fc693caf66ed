import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import type { Work } from '../../core/database/work.js';

/** An event as far as trimming looks at it. `bytes` is the size of its payload. */
export interface TrimRow {
  readonly seq: number;
  readonly turn: number | null;
  readonly recordedAt: string;
  readonly bytes: number;
}

const BLOB = /"blob":"([0-9a-f]{64})"/g;
/** Rows that one statement looks through for a reference. */
const SCAN = 500;

const mentions = (sha256: string): string => `%"blob":"${sha256}"%`;

/** The statements of trimming: payloads go, numbers, ids and hashes stay. */
@Injectable()
export class TrimStore {
  constructor(private readonly db: Database) {}

  /** The first events from `from` on. */
  async rows(sessionId: string, from: number, limit: number): Promise<TrimRow[]> {
    const rows = await this.db.query<{ seq: number; turn: number | null; recorded_at: string; bytes: number | null }>(
      'select seq, turn, recorded_at, octet_length(payload) as bytes from session_events where session_id = ? and seq >= ? order by seq limit ?',
      [sessionId, from, limit],
    );
    return rows.map(({ seq, turn, recorded_at, bytes }) => ({ seq, turn, recordedAt: recorded_at, bytes: bytes ?? 0 }));
  }

  /** The blobs that events `from` to `to` hold. */
  async blobsIn(sessionId: string, from: number, to: number): Promise<string[]> {
    const rows = await this.db.query<{ payload: string }>(
      `select payload from session_events where session_id = ? and seq >= ? and seq <= ? and payload like '%"blob":"%'`,
      [sessionId, from, to],
    );
    return [...new Set(rows.flatMap(({ payload }) => [...payload.matchAll(BLOB)].map(([, sha256 = '']) => sha256)))];
  }

  /** Whether an event behind `after`, up to `to`, holds the blob; in small steps, with room for others in between. */
  async isHeld(sessionId: string, sha256: string, after: number, to: number): Promise<boolean> {
    for (let at = after; at < to; at += SCAN) {
      const [found] = await this.db.query(
        'select seq from session_events where session_id = ? and seq > ? and seq <= ? and payload like ? limit 1',
        [sessionId, at, Math.min(at + SCAN, to), mentions(sha256)],
      );
      if (found) return true;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return false;
  }

  /** The same within a unit, for what came while {@link isHeld} looked. */
  async isHeldBehind(work: Work, sessionId: string, sha256: string, after: number): Promise<boolean> {
    const rows = await work.query('select seq from session_events where session_id = ? and seq > ? and payload like ? limit 1', [
      sessionId,
      after,
      mentions(sha256),
    ]);
    return rows.length > 0;
  }

  async trim(work: Work, sessionId: string, from: number, to: number): Promise<void> {
    await work.query('update session_events set payload = null where session_id = ? and seq >= ? and seq <= ?', [sessionId, from, to]);
    await work.query('delete from tool_events where session_id = ? and seq <= ?', [sessionId, to]);
    await work.query('update session_heads set earliest_seq = ? where session_id = ?', [to + 1, sessionId]);
  }
}
