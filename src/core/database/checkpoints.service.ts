import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { MusterConfig } from '../../config/muster-config.js';
import { Shutdown } from '../shutdown.js';
import { CheckpointThread } from './checkpoint-thread.js';
import type { CheckpointAnswer } from './checkpoint-worker.js';
import { Database } from './database.js';
import { UnitOfWork } from './unit-of-work.js';

/** How the write-ahead log of SQLite is kept small. Pages have 4 KiB. */
@Injectable()
export class CheckpointLimits {
  /** How often is looked while units commit. */
  readonly lookEveryMs: number = 50;
  /** As many pages that wait are copied at once: 4 MiB, SQLite's own default, so that each fsync of the database is a short one. */
  readonly leastPages: number = 1_000;
  /**
   * From here on (32 MiB) writers wait once while the rest is copied, so that the log begins anew: under steady writing it never would, and a
   * log that grows is slow to sync, because the size of its file changes.
   */
  readonly mostLogPages: number = 8_000;
  /** A rest that is copied in a few milliseconds: writers don't wait for more, if it can be had. */
  readonly restPages: number = 100;
  /** After so long without a commit all of it is copied. */
  readonly idleMs: number = 2_000;
  /** Writers wait at most this often: another process that reads the log keeps it from beginning anew. */
  readonly writersPauseEveryMs: number = 1_000;
  /** How long to leave it be after a failure, or where not all of it could be copied. */
  readonly restMs: number = 5_000;
}

const MOST_PASSES = 4;

/** What SQLite does by itself in the committing thread where ours can't be had. */
const FALLBACK_PAGES = 1_000;

/**
 * Copies SQLite's write-ahead log into the database, in a thread of its own: in the thread of the server each checkpoint would be a pause
 * for everybody. Commits are as durable without: the log itself is synced. Does nothing on PostgreSQL.
 */
@Injectable()
export class Checkpoints implements OnModuleInit, OnApplicationBootstrap {
  /** Since the start of this process, for the metrics. */
  readonly figures = { checkpoints: 0, pages: 0, seconds: 0, failures: 0, writerPauses: 0, logPages: 0 };
  private readonly logger = new Logger(Checkpoints.name);
  private timer: NodeJS.Timeout | undefined;
  private thread: CheckpointThread | undefined;
  private looking: Promise<void> | undefined;
  private seenCommits = -1;
  private lastCommitMs = 0;
  private restUntilMs = 0;
  private pauseAgainMs = 0;
  /** How long the log was when writers waited for it in vain; 0 once it has begun anew. */
  private triedAtPages = 0;
  private isHeld = false;
  private isSettled = false;
  private isFailing = false;
  private isAutomatic = true;

  constructor(
    private readonly config: MusterConfig,
    private readonly db: Database,
    private readonly unit: UnitOfWork,
    private readonly limits: CheckpointLimits,
    private readonly shutdown: Shutdown,
  ) {}

  onModuleInit(): void {
    this.shutdown.beforeDatabaseCloses(() => this.stop());
  }

  onApplicationBootstrap(): void {
    if (this.config.database.kind !== 'sqlite') return;
    this.timer = setInterval(() => this.look(), this.limits.lookEveryMs).unref();
  }

  /** The last one; what is written after it, SQLite copies when it closes the database. */
  private async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.looking;
    if (!this.thread?.isUsable) return;
    try {
      await this.copy(1);
    } catch (error) {
      this.logger.warn({ msg: 'the last checkpoint failed; the next start makes up for it', err: error });
    }
    await this.thread.end();
  }

  private look(): void {
    const now = performance.now();
    const isActive = this.unit.commits !== this.seenCommits;
    if (isActive) this.lastCommitMs = now;
    if (this.looking || now < this.restUntilMs) return;
    if (!isActive && (this.isSettled || now - this.lastCommitMs < this.limits.idleMs)) return;
    this.seenCommits = this.unit.commits;
    this.looking = this.work(isActive).finally(() => (this.looking = undefined));
  }

  private async work(isActive: boolean): Promise<void> {
    try {
      const answer = await this.copy(isActive ? this.limits.leastPages : 1);
      this.isSettled = !isActive && isComplete(answer);
      if (!isActive && !this.isSettled) this.rest();
      if (answer.log >= this.limits.mostLogPages) await this.beginAnew(answer.log);
      else this.triedAtPages = 0;
      if (this.isFailing) this.logger.log({ msg: 'checkpoints succeed again' });
      this.isFailing = false;
    } catch (error) {
      this.figures.failures += 1;
      if (!this.isFailing) this.logger.warn({ msg: 'a checkpoint failed and will be repeated', err: error });
      this.isFailing = true;
      this.rest();
      await this.setAutomatic(this.thread?.isUsable !== true);
    }
  }

  /** Copies the rest while nobody adds to it: the next commit then starts at the beginning of the file, if nobody reads the log. */
  private async beginAnew(logPages: number): Promise<void> {
    const now = performance.now();
    if (now < this.pauseAgainMs) return;
    this.pauseAgainMs = now + this.limits.writersPauseEveryMs;
    this.figures.writerPauses += 1;
    if (this.triedAtPages > 0 && logPages > this.triedAtPages && !this.isHeld) {
      this.isHeld = true;
      this.logger.warn({ msg: 'the write-ahead log grows: another process reads the database for long', logPages });
    } else if (this.triedAtPages === 0) this.isHeld = false;
    this.triedAtPages = logPages;
    // Each of these takes less time than the one before, and so leaves less behind.
    for (let pass = 0; pass < MOST_PASSES; pass++) {
      const { pages } = await this.copy(1);
      if (pages <= this.limits.restPages) break;
    }
    await this.unit.whileNobodyWrites(() => this.copy(1));
  }

  private async copy(leastPages: number): Promise<CheckpointAnswer> {
    const { database } = this.config;
    if (database.kind !== 'sqlite') throw new Error('Checkpoints are for SQLite');
    if (!this.thread?.isUsable) this.thread = new CheckpointThread(database.file);
    const answer = await this.thread.ask({ leastPages });
    await this.setAutomatic(false);
    if (answer.failure) throw Object.assign(new Error(answer.failure.message), { code: answer.failure.code });
    this.figures.logPages = answer.log;
    if (answer.pages > 0) {
      this.figures.checkpoints += 1;
      this.figures.pages += answer.pages;
      this.figures.seconds += answer.ms / 1_000;
    }
    return answer;
  }

  private rest(): void {
    this.restUntilMs = performance.now() + this.limits.restMs;
  }

  /** Whether the committing thread does it: only for as long as there is no other. */
  private async setAutomatic(isAutomatic: boolean): Promise<void> {
    if (this.isAutomatic === isAutomatic) return;
    try {
      await this.db.writer.query(`pragma wal_autocheckpoint = ${isAutomatic ? FALLBACK_PAGES : 0}`);
      this.isAutomatic = isAutomatic;
    } catch (error) {
      this.logger.warn({ msg: 'who does the checkpoints could not be set', err: error });
    }
  }
}

const isComplete = ({ log, checkpointed }: CheckpointAnswer): boolean => log === checkpointed;
