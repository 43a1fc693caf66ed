import BetterSqlite3 from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import { storageErrorOf } from '../errors/storage.errors.js';

/** Texts that are kept prepared. */
const MOST = 200;

type Connection = BetterSqlite3.Database;
type Statement = BetterSqlite3.Statement<unknown[], unknown>;

/**
 * Statements on the connection of better-sqlite3 itself, below TypeORM, which spends more on one than SQLite does: a flush of the log has
 * some for each session. They see and join the transaction that TypeORM has begun on the same connection.
 */
export class SqliteStatements {
  private connection: Connection | undefined;
  private readonly prepared = new Map<string, Statement>();

  constructor(private readonly source: DataSource) {}

  /** The rows of a statement, of which whoever writes it knows the form; none where it gives none. @throws StorageError, or the driver's own */
  all<T>(sql: string, parameters: readonly unknown[]): T[];
  all(sql: string, parameters: readonly unknown[]): unknown[] {
    return this.guarded(() => {
      const statement = this.find(sql);
      const values = parameters.map(bindable);
      if (statement.reader) return statement.all(...values);
      statement.run(...values);
      return [];
    });
  }

  /** One statement again and again. @throws StorageError, or the driver's own */
  each(sql: string, rows: readonly (readonly unknown[])[]): void {
    this.guarded(() => {
      const statement = this.find(sql);
      for (const row of rows) statement.run(...row.map(bindable));
    });
  }

  private guarded<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw storageErrorOf(error) ?? ours(error);
    }
  }

  private find(sql: string): Statement {
    const connection = connectionOf(this.source);
    // A restore opens the file anew.
    if (connection !== this.connection) this.prepared.clear();
    this.connection = connection;
    const known = this.prepared.get(sql);
    if (known) return known;
    const statement = connection.prepare<unknown[]>(sql);
    this.prepared.set(sql, statement);
    const [oldest] = this.prepared.keys();
    if (this.prepared.size > MOST && oldest !== undefined) this.prepared.delete(oldest);
    return statement;
  }
}

function connectionOf({ driver }: DataSource): Connection {
  if ('databaseConnection' in driver && driver.databaseConnection instanceof BetterSqlite3) return driver.databaseConnection;
  throw new Error('This is no connection of better-sqlite3.');
}

/** better-sqlite3 makes its errors in the realm that loaded it first: there they are no `Error` of ours. */
const ours = (error: unknown): unknown =>
  error instanceof Error
    ? error
    : Object.assign(new Error(error instanceof Object && 'message' in error ? String(error.message) : String(error)), error);

/** better-sqlite3 binds no booleans. */
const bindable = (value: unknown): unknown => (typeof value === 'boolean' ? Number(value) : value);
