import { Injectable } from '@nestjs/common';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, ObjectLiteral, EntityTarget, Repository } from 'typeorm';
import { ArrayQuery } from './array-query.js';
import { type Dialect, forDialect } from './dialect.js';
import type { Span } from './span.js';
import { SqliteStatements } from './sqlite-statements.js';
import type { WalSync } from './wal-sync.js';
import type { Work } from './work.js';

/**
 * The connections. Inside a unit of work everything reads and writes through the unit's own connection; outside, reads go
 * through a read-only connection (SQLite) or the pool (PostgreSQL), and writes are refused.
 */
@Injectable()
export class Database {
  readonly current = new AsyncLocalStorage<Work>();
  /** The handler whose first unit stays open until it returns: see {@link UnitOfWork.around}. */
  readonly span = new AsyncLocalStorage<Span>();

  /** On SQLite: those of the writer, for units of work, and those of the reader. */
  readonly statements: { readonly writer: SqliteStatements; readonly reader: SqliteStatements } | undefined;

  constructor(
    readonly dialect: Dialect,
    readonly writer: DataSource,
    readonly reader: DataSource,
    /** Where commits are brought to the disk beside the event loop: SQLite. */
    readonly sync?: WalSync,
  ) {
    this.statements = dialect === 'sqlite' ? { writer: new SqliteStatements(writer), reader: new SqliteStatements(reader) } : undefined;
  }

  /** The unit of work this call runs in, if it is still open. */
  get work(): Work | undefined {
    const own = this.current.getStore();
    if (own?.isOpen) return own;
    const joined = this.span.getStore()?.work;
    return joined?.isOpen ? joined : undefined;
  }

  /** @throws Error (a fault of the code, not of a caller) outside of a unit of work. */
  get workOrFail(): Work {
    if (!this.work) throw new Error('A write outside of UnitOfWork.run');
    return this.work;
  }

  get manager(): EntityManager {
    return this.work?.manager ?? this.reader.manager;
  }

  /** For reading; see {@link writing} for what changes rows. */
  reading<E extends ObjectLiteral>(entity: EntityTarget<E>): Repository<E> {
    return this.manager.getRepository(entity);
  }

  writing<E extends ObjectLiteral>(entity: EntityTarget<E>): Repository<E> {
    return this.workOrFail.manager.getRepository(entity);
  }

  /** Rows of a statement written with `?`, read where {@link reading} reads. */
  async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const { work } = this;
    if (work) return work.query(sql, parameters);
    if (this.statements) return this.durably(this.statements.reader.all(sql, parameters));
    return this.manager.query<T[]>(forDialect(this.dialect, sql), [...parameters]);
  }

  /** As {@link query}, for what is only decided by and not told: on SQLite it may see a commit a moment before it is on the disk. */
  async queryAhead<T extends object>(sql: string, parameters: readonly unknown[]): Promise<T[]> {
    return this.statements && !this.work ? this.statements.reader.all(sql, parameters) : this.query(sql, parameters);
  }

  /** What was read, once it is on the disk: on SQLite a commit can be read a moment before. */
  async durably<T>(read: T): Promise<T> {
    await this.sync?.pending;
    return read;
  }

  /**
   * A statement written with `?` for what reads many rows. It never sees what a unit of work has not committed; what goes out of the
   * house is to pass {@link durably}.
   */
  arrayQuery<T extends unknown[]>(sql: string): ArrayQuery<T> {
    return new ArrayQuery(this.reader, forDialect(this.dialect, sql));
  }
}
