import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import type { JsonObject } from '../core/json.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import { refsIn, restored } from './blob-restore.js';
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

  /** How many bytes of a payload are kept beside the log; 0: it is whole. */
  bytesBeside(payload: JsonObject): number {
    return refsIn(payload).reduce((sum, { size }) => sum + size, 0);
  }

  /** A payload of the session's log as it was sent, all of it in memory; what is gone stays a reference. @throws SessionNotFoundError */
  async whole(principal: Principal, id: string, payload: JsonObject): Promise<JsonObject> {
    const contents = new Map<string, Buffer>();
    for (const { blob } of refsIn(payload)) {
      if (contents.has(blob)) continue;
      try {
        contents.set(blob, await this.read(principal, id, blob));
      } catch (error) {
        // Something that only looks like one of ours, or was trimmed meanwhile.
        if (!(error instanceof BlobNotFoundError)) throw error;
      }
    }
    return contents.size === 0 ? payload : restored(payload, (sha256) => contents.get(sha256));
  }

  private async read(principal: Principal, id: string, sha256: string): Promise<Buffer> {
    const facts = await this.find(principal, id, sha256);
    const pieces: Buffer[] = [];
    for await (const piece of this.bytes(facts, 0, facts.size - 1)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}
