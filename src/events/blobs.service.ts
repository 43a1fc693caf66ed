import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import { BlobNotFoundError } from './events.errors.js';
import { type BlobFacts, BlobsStore } from './persistence/blobs.store.js';

/** So much of a blob is in memory for each of its readers. */
const PIECE_BYTES = 1024 * 1024;

/** Content that is too large for an event, for those who may see a session whose events hold it. */
@Injectable()
export class Blobs {
  constructor(
    private readonly scope: SessionScope,
    private readonly store: BlobsStore,
  ) {}

  /** @throws SessionNotFoundError, BlobNotFoundError */
  async find(principal: Principal, id: string, sha256: string): Promise<BlobFacts> {
    const { id: sessionId } = await this.scope.find(principal, id);
    const blob = /^[0-9a-f]{64}$/.test(sha256) ? await this.store.find(sessionId, sha256) : undefined;
    if (!blob) throw new BlobNotFoundError('No event of this session holds content of this hash.');
    return blob;
  }

  /** The bytes from `start` to `end`, both included, as they are asked for. @throws BlobNotFoundError where the session is deleted meanwhile */
  async *bytes({ sha256 }: BlobFacts, start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at <= end; at += PIECE_BYTES) {
      const piece = await this.store.piece(sha256, at, Math.min(PIECE_BYTES, end - at + 1));
      if (!piece) throw new BlobNotFoundError('The content was deleted while it was read.');
      yield piece;
    }
  }
}
