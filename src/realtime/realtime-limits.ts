import { Injectable } from '@nestjs/common';

/** The bounds of realtime delivery. A class, so that tests can shrink them. */
@Injectable()
export class RealtimeLimits {
  /** Events a frame, and bytes of it; one event always fits. */
  readonly frameEvents: number = 64;
  readonly frameBytes: number = 64 * 1024;
  /** A burst is gathered for this long at most; the first event of one goes at once. */
  readonly coalesceMs: number = 16;
  /** A connection with more bytes than this waiting is no longer live. */
  readonly liveBytes: number = 256 * 1024;
  /** A connection that takes nothing for this long is closed. */
  readonly stallMs: number = 60_000;
  /** Events a page of the log, at most, and about how many bytes of them. */
  readonly pageEvents: number = 128;
  readonly pageBytes: number = 1024 * 1024;
  /** Pages and beginnings of streams that are read at the same time: fewer than the database has connections. */
  readonly readsAtOnce: number = 4;
  /** Bytes of pages that are kept for the readers that come next. */
  readonly cacheBytes: number = 8 * 1024 * 1024;
  /** Before the log is asked again for what it does not give yet; and where it can't be read, and how often that is tried. */
  readonly rereadMs: number = 20;
  readonly retryMs: number = 500;
  readonly retries: number = 60;
  /** What is kept of each watched session in memory, so that a reader can go live while events arrive. */
  readonly tailEvents: number = 512;
  readonly tailBytes: number = 256 * 1024;
  readonly subscriptions: number = 128;
  /** Time to send a valid `auth` frame. */
  readonly authMs: number = 10_000;
  readonly pingEveryMs: number = 25_000;
  readonly pongWithinMs: number = 8_000;
  readonly sseHeartbeatMs: number = 15_000;
  /** What nobody announced (another process wrote it) is found after two of these at most, so within a second. */
  readonly pollMs: number = 400;
  /** Requests of one connection under way, and bytes of them; past these nothing more is read from it. */
  readonly requestsUnderWay: number = 1_024;
  readonly requestBytesUnderWay: number = 16 * 1024 * 1024;
}
