import { Injectable } from '@nestjs/common';
import type { Work } from '../core/database/work.js';
import type { Head } from './event-log.types.js';
import { BlobsStore } from './persistence/blobs.store.js';
import { TrimStore } from './persistence/trim.store.js';

/** Events one unit of work trims at most, and bytes of payload after which it takes no further one: others wait meanwhile. */
const MAX_EVENTS = 200;
const MAX_BYTES = 512 * 1024;

/** What of a log may go. */
export interface TrimBounds {
  /** No event behind this number. */
  readonly through: number;
  /** The last so many events of the log stay; null: any number may go. */
  readonly keepLast: number | null;
  /** Events recorded before this time may go too, ISO 8601; null: age does not matter. */
  readonly recordedBefore: string | null;
  /** Events of these turns stay, and all that follow the first of them. */
  readonly openTurns: ReadonlySet<number>;
}

/** A piece of the beginning of a log that may go. Made outside of a unit of work; carried out in one, if the log still begins there. */
export interface TrimPlan {
  readonly from: number;
  readonly to: number;
  /** Blobs that no event behind `to` held when the log ended at `seen`. */
  readonly blobs: readonly string[];
  readonly seen: number;
}

/**
 * Takes the payloads of the oldest events away. What goes is always the beginning of a log: `earliest_seq` says where the rest begins,
 * and a reader that stands before it is told so. Number, id and hash stay, so that a repeated append is still a duplicate.
 */
@Injectable()
export class EventTrimming {
  constructor(
    private readonly store: TrimStore,
    private readonly blobs: BlobsStore,
  ) {}

  /** The next piece that may go; undefined where none may. Changes nothing. */
  async plan(head: Head, bounds: TrimBounds): Promise<TrimPlan | undefined> {
    const { sessionId, earliestSeq: from, lastSeq } = head;
    const byCount = bounds.keepLast === null ? 0 : lastSeq - bounds.keepLast;
    let to = from - 1;
    let bytes = 0;
    for (const row of await this.store.rows(sessionId, from, MAX_EVENTS)) {
      const isDue = row.seq <= byCount || (bounds.recordedBefore !== null && row.recordedAt < bounds.recordedBefore);
      const isOpen = row.turn !== null && bounds.openTurns.has(row.turn);
      bytes += row.bytes;
      if (!isDue || isOpen || row.seq > bounds.through || (bytes > MAX_BYTES && to >= from)) break;
      to = row.seq;
    }
    if (to < from) return undefined;
    const blobs: string[] = [];
    for (const sha256 of await this.store.blobsIn(sessionId, from, to))
      if (!(await this.store.isHeld(sessionId, sha256, to, lastSeq))) blobs.push(sha256);
    return { from, to, blobs, seen: lastSeq };
  }

  /** Carries a plan out on a locked log; false, and nothing is changed, where the log begins elsewhere by now. */
  async trim(work: Work, head: Head, plan: TrimPlan): Promise<boolean> {
    const { sessionId } = head;
    if (head.earliestSeq !== plan.from) return false;
    await this.store.trim(work, sessionId, plan.from, plan.to);
    const free: string[] = [];
    for (const sha256 of plan.blobs) if (!(await this.store.isHeldBehind(work, sessionId, sha256, plan.seen))) free.push(sha256);
    await this.blobs.unlink(work, sessionId, free);
    return true;
  }
}
