import { Injectable } from '@nestjs/common';
import { Database } from '../../core/database/database.js';
import { forUpdate, placeholders } from '../../core/database/dialect.js';
import type { Work } from '../../core/database/work.js';
import type { PreparedBlob } from '../blob-spill.js';

const HASHES_A_QUERY = 500;

/** An event with what was taken out of it. */
interface Holder {
  readonly blobs: readonly PreparedBlob[];
}

/** What a session holds of this hash. */
export interface BlobFacts {
  readonly sha256: string;
  readonly size: number;
  readonly mimeType: string;
}

/**
 * Content beside the log: each once, linked to every session whose events hold it. Lock order on PostgreSQL: heads, then blobs by their
 * hash, then the outbox counter.
 */
@Injectable()
export class BlobsStore {
  constructor(private readonly db: Database) {}

  /** Keeps what was taken out of sessions' events, in the unit that stores them; to be called once the unit has its heads. */
  async store(
    work: Work,
    growths: readonly { readonly head: { readonly sessionId: string }; readonly fresh: readonly Holder[] }[],
  ): Promise<void> {
    if (growths.every(({ fresh }) => fresh.every(({ blobs }) => blobs.length === 0))) return;
    const links = growths.flatMap(({ head, fresh }) =>
      fresh.flatMap(({ blobs }) => blobs.map((blob) => ({ sessionId: head.sessionId, blob }))),
    );
    const byHash = new Map(links.map(({ blob }) => [blob.blob, blob]));
    const hashes = [...byHash.keys()].sort();
    const known = await this.lock(work, hashes, 'share');
    for (const hash of hashes) {
      const blob = byHash.get(hash);
      // Where somebody else brought it meanwhile, the update makes that row ours until the commit: nobody removes it before the link is there.
      if (blob && !known.has(hash))
        await work.query(
          'insert into blobs (sha256, size, bytes) values (?, ?, ?) on conflict (sha256) do update set size = excluded.size',
          [hash, blob.size, blob.bytes],
        );
    }
    for (const { sessionId, blob } of links)
      await work.query('insert into session_blobs (session_id, sha256, mime_type) values (?, ?, ?) on conflict do nothing', [
        sessionId,
        blob.blob,
        blob.mimeType,
      ]);
  }

  /** Removes the links of a session, and every blob that no other session links. */
  async remove(work: Work, sessionId: string): Promise<void> {
    const rows = await work.query<{ sha256: string }>('select sha256 from session_blobs where session_id = ? order by sha256', [sessionId]);
    await this.unlink(
      work,
      sessionId,
      rows.map(({ sha256 }) => sha256),
    );
  }

  /** As {@link remove}, of these hashes only: no event of the session that is kept may hold them. */
  async unlink(work: Work, sessionId: string, hashes: readonly string[]): Promise<void> {
    const sorted = [...hashes].sort();
    for (let at = 0; at < sorted.length; at += HASHES_A_QUERY) {
      const part = sorted.slice(at, at + HASHES_A_QUERY);
      const list = placeholders(1, part.length);
      await work.query(`delete from session_blobs where session_id = ? and sha256 in ${list}`, [sessionId, ...part]);
      // Who is about to link one of them has it locked: whether somebody does is looked at only after that.
      await this.lock(work, part, 'update');
      await work.query(
        `delete from blobs where sha256 in ${list} and not exists (select 1 from session_blobs where session_blobs.sha256 = blobs.sha256)`,
        part,
      );
    }
  }

  async find(sessionId: string, sha256: string): Promise<BlobFacts | undefined> {
    const [row] = await this.db.query<{ size: number | string; mime_type: string }>(
      'select blobs.size, session_blobs.mime_type from session_blobs join blobs on blobs.sha256 = session_blobs.sha256 where session_blobs.session_id = ? and session_blobs.sha256 = ?',
      [sessionId, sha256],
    );
    return row && { sha256, size: Number(row.size), mimeType: row.mime_type };
  }

  /** Some of the bytes, from `from` on; undefined where they are gone. */
  async piece(sha256: string, from: number, length: number): Promise<Buffer | undefined> {
    const [row] = await this.db.query<{ piece: Buffer }>('select substr(bytes, ?, ?) as piece from blobs where sha256 = ?', [
      from + 1,
      length,
      sha256,
    ]);
    return row?.piece;
  }

  /** Which of them there are; on PostgreSQL nobody else may remove (`share`) or link (`update`) them until the end of the unit. */
  private async lock(work: Work, sorted: readonly string[], mode: 'share' | 'update'): Promise<Set<string>> {
    const lock = mode === 'update' || work.dialect === 'sqlite' ? forUpdate(work.dialect) : ' for key share';
    const found = new Set<string>();
    for (let at = 0; at < sorted.length; at += HASHES_A_QUERY) {
      const part = sorted.slice(at, at + HASHES_A_QUERY);
      const rows = await work.query<{ sha256: string }>(
        `select sha256 from blobs where sha256 in ${placeholders(1, part.length)} order by sha256${lock}`,
        part,
      );
      rows.forEach(({ sha256 }) => found.add(sha256));
    }
    return found;
  }
}
