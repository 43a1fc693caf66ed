import type { QueryRunner, EntityManager } from 'typeorm';
import type { DomainEventMap, DomainEventName, DomainEventSubject } from '../event-bus/domain-event.types.js';
import { type Dialect, forDialect } from './dialect.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** A domain event that waits for its position and the commit. */
export interface PendingEvent {
  readonly name: DomainEventName;
  readonly subject: DomainEventSubject;
  readonly data: DomainEventMap[DomainEventName];
}

/** One unit of work: a transaction, the domain events it causes, and what is to happen once it is committed. */
export class Work {
  readonly pending: PendingEvent[] = [];
  readonly committed: (() => void)[] = [];
  isOpen = true;

  constructor(
    readonly dialect: Dialect,
    private readonly runner: QueryRunner,
    /** Of the same connection; on PostgreSQL there are none. */
    private readonly statements?: SqliteStatements,
  ) {}

  get manager(): EntityManager {
    return this.runner.manager;
  }

  async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    if (this.statements) return this.statements.all(sql, parameters);
    return this.manager.query<T[]>(forDialect(this.dialect, sql), [...parameters]);
  }

  /** The same statement for each row of parameters, one after the other. On PostgreSQL each is a way to the database and back. */
  async each(sql: string, rows: readonly (readonly unknown[])[]): Promise<void> {
    if (this.statements) this.statements.each(sql, rows);
    else for (const row of rows) await this.query(sql, row);
  }

  /** Records a domain event: it is stored with the commit, published after it, and gone with a rollback. */
  emit<K extends DomainEventName>(name: K, subject: DomainEventSubject, data: DomainEventMap[K]): void {
    this.pending.push({ name, subject, data });
  }

  /** Runs `effect` after the commit, in order, outside of the transaction. It must not throw. */
  afterCommit(effect: () => void): void {
    this.committed.push(effect);
  }
}
