import { Injectable, Logger } from '@nestjs/common';
import { deferred } from '../deferred.js';
import type { QueryRunner } from 'typeorm';
import { DatabaseUnavailableError, storageErrorOf } from '../errors/storage.errors.js';
import { requestContext } from '../http/request-context.js';
import { EventBus } from '../event-bus/event-bus.js';
import { Database } from './database.js';
import { Outbox } from './outbox.js';
import { Span } from './span.js';
import { StorageState } from './storage-state.js';
import { Turns } from './turns.js';
import { Work } from './work.js';

/** A unit whose transaction is committed. */
interface Committed<T> {
  readonly result: T;
  /** Resolves when it is on the disk. */
  readonly durable: () => Promise<void>;
  readonly announce: () => void;
}

/**
 * The only way to write. What runs inside is one transaction; a run inside a run joins it, so that a failure of the inner one
 * undoes the outer one too. Domain events are stored as the last statement before the commit and published after it.
 * Inside, await nothing but the database: on SQLite everybody else waits.
 */
@Injectable()
export class UnitOfWork {
  private readonly logger = new Logger(UnitOfWork.name);
  private readonly turns = new Turns();
  private readonly running = new Set<Promise<unknown>>();
  private committed = 0;

  constructor(
    private readonly db: Database,
    private readonly outbox: Outbox,
    private readonly bus: EventBus,
    private readonly storage: StorageState,
  ) {}

  /** Units committed by this process. */
  get commits(): number {
    return this.committed;
  }

  /**
   * Runs `body` in the unit that is open, or in a new one. Rejects with what `body` rejects with, and then nothing happened; only where the
   * connection to PostgreSQL is lost (DatabaseUnavailableError) it may have been committed.
   * @throws StorageError where the database can't be reached or written
   */
  run<T>(body: (work: Work) => Promise<T>): Promise<T> {
    const open = this.db.work;
    if (open) return body(open);
    const span = this.db.span.getStore();
    return span && !span.isOver ? span.turns.take(() => this.runIn(span, body)) : this.tracked(this.runAndAnnounce(body));
  }

  /**
   * Runs `handler`; the first unit that it begins stays open until it has returned, later ones join, and `last` writes at the end: what
   * the handler did, and what is kept of its result, are one transaction. Where it begins none, `last` has a unit of its own. Rejects
   * with what the handler, `last` or the commit rejects with, and then nothing happened. From its first unit on the handler awaits
   * nothing but the database, and nothing that comes of a commit: on SQLite everybody else waits, and so would it.
   */
  async around<T>(handler: () => Promise<T>, last: (result: T) => Promise<void>): Promise<T> {
    const span = new Span();
    try {
      const result = await this.db.span.run(span, handler);
      span.end.resolve(() => last(result));
      await (span.unit ?? this.run(() => last(result)));
      return result;
    } catch (error) {
      span.end.reject(error);
      await span.unit?.catch(() => undefined);
      throw error;
    } finally {
      span.isOver = true;
    }
  }

  /** Resolves when no unit is under way. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
  }

  private tracked<T>(run: Promise<T>): Promise<T> {
    this.running.add(run);
    const forget = () => void this.running.delete(run);
    run.then(forget, forget);
    return run;
  }

  /** Opens the unit of a span, or joins it. */
  private runIn<T>(span: Span, body: (work: Work) => Promise<T>): Promise<T> {
    const open = this.db.work;
    if (open) return body(open);
    const begun = deferred<T>();
    const unit = this.tracked(
      this.runAndAnnounce(async (work) => {
        const result = await body(work);
        span.work = work;
        begun.resolve(result);
        const last = await span.end.promise;
        await last();
      }),
    );
    span.unit = unit;
    unit.catch((error: unknown) => {
      // It was rolled back: the handler may begin another one.
      span.unit = undefined;
      begun.reject(error);
    });
    return begun.promise;
  }

  /** SQLite: runs `body` while nobody writes. It must be short, and not write itself. */
  whileNobodyWrites<T>(body: () => Promise<T>): Promise<T> {
    return this.turns.take(body);
  }

  /** Announces after the turn is given back: a listener that writes would wait for itself. */
  private async runAndAnnounce<T>(body: (work: Work) => Promise<T>): Promise<T> {
    const runAlone = () => this.runAlone(body);
    const { result, announce, durable } = await (this.db.dialect === 'sqlite' ? this.turns.take(runAlone) : runAlone());
    await durable();
    announce();
    return result;
  }

  private async runAlone<T>(body: (work: Work) => Promise<T>): Promise<Committed<T>> {
    this.db.sync?.assertUsable();
    const runner = this.db.writer.createQueryRunner();
    const work = new Work(this.db.dialect, runner, this.db.statements?.writer);
    let hasBegun = false;
    try {
      // SQLite has one connection: where the unit before could not be rolled back, this one would be part of it, and its commit none.
      if (runner.isTransactionActive) await this.rollBack(runner);
      await runner.startTransaction();
      hasBegun = true;
      const result = await this.db.current.run(work, () => body(work));
      const events = await this.outbox.store(work);
      work.isOpen = false;
      await runner.commitTransaction();
      this.committed += 1;
      // Others may take their turn while the disk works; who hears of this commit hears of it in the order of the commits.
      const synced = this.db.sync?.committed();
      const announce = () =>
        outside(this.db, () => {
          work.committed.forEach((effect) => this.guard(effect));
          events.forEach((event) => this.guard(() => this.bus.publish(event)));
        });
      return { result, announce, durable: () => this.durable(synced) };
    } catch (error) {
      work.isOpen = false;
      if (hasBegun && runner.isTransactionActive)
        await this.rollBack(runner).catch((err: unknown) => this.logger.warn({ msg: 'rollback failed', err }));
      // TypeORM gives a connection back when it is lost, and then says only that it was given back.
      const isLost = hasBegun && runner.isReleased && this.db.dialect === 'postgres';
      const storageError = storageErrorOf(error) ?? (isLost ? new DatabaseUnavailableError('the connection was lost', error) : undefined);
      if (storageError) this.storage.failed(storageError);
      throw storageError ?? error;
    } finally {
      await runner.release();
    }
  }

  private async durable(synced: Promise<void> | undefined): Promise<void> {
    try {
      await synced;
      this.storage.succeeded();
    } catch (error) {
      const storageError = storageErrorOf(error);
      if (storageError) this.storage.failed(storageError);
      throw error;
    }
  }

  /** @throws DatabaseUnavailableError where the transaction is still open */
  private async rollBack(runner: QueryRunner): Promise<void> {
    try {
      await runner.rollbackTransaction();
    } catch (error) {
      const failure = new DatabaseUnavailableError('a transaction could not be ended', error);
      if (this.db.dialect === 'postgres') throw failure;
      // Where its disk fails, SQLite may have rolled back by itself (https://sqlite.org/lang_transaction.html). TypeORM would go on to
      // count a transaction that is not there, and the next commit would be none: it gets one to end. There is none in an open one.
      try {
        await runner.query('begin');
        await runner.rollbackTransaction();
      } catch {
        throw failure;
      }
    }
  }

  /** What follows a commit can't undo it: a failure there is ours to see, not the caller's. */
  private guard(effect: () => void): void {
    try {
      effect();
    } catch (error) {
      this.logger.error({ msg: 'an effect after a commit failed', err: error });
    }
  }
}

/** Whoever hears of a commit does not act in its unit, nor for its request: what it begins may go on for long, and for others. */
export const outside = <T>(db: Database, act: () => T): T => requestContext.exit(() => db.current.exit(() => db.span.exit(act)));
