import { DomainError } from './domain.error.js';

/** What lies below the database, or between us and it, hinders; the same call may be sent again. `cause` is the driver's own error. */
export abstract class StorageError extends DomainError {
  readonly kind = 'unavailable';
}

/** No room where the database lies. Nothing of the call was kept. */
export class StorageFullError extends StorageError {
  readonly code = 'storage_full';
  constructor(what: string, cause: unknown) {
    super(`There is no room left to store this (${what}). Nothing of it was kept.`, {
      status: 507,
      retryAfterS: 5,
      remedy: 'Make room on the disk of the database, then send the same again. Reading goes on meanwhile.',
    });
    this.cause = cause;
  }
}

/** The disk of the database fails or can't be written. Nothing of the call was kept. */
export class StorageFailedError extends StorageError {
  readonly code = 'storage_failed';
  constructor(what: string, cause: unknown) {
    super(`The database can't read or write its files (${what}).`, {
      retryAfterS: 5,
      remedy:
        'Whoever runs this server finds the reason in its log: a disk that fails, or files it may not write. Then send the same again.',
    });
    this.cause = cause;
  }
}

/** The database can't be reached, or gave up the call. Whether a change was kept is known once it is sent again with the same ids. */
export class DatabaseUnavailableError extends StorageError {
  readonly code = 'database_unavailable';
  constructor(what: string, cause: unknown) {
    super(`The database can't be reached (${what}).`, {
      retryAfterS: 1,
      remedy: 'Send the same again in a moment, with the same ids: what was stored already is not stored twice.',
    });
    this.cause = cause;
  }
}

/** SQLite's codes: https://sqlite.org/rescode.html. The wal-index is enlarged by a byte a page, and fails only where there is no room. */
const SQLITE_FULL = /^SQLITE_(FULL|IOERR_SHMSIZE)$/;
const SQLITE_FAILED = /^SQLITE_(IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|PERM)/;
const SQLITE_BUSY = /^SQLITE_(BUSY|LOCKED|PROTOCOL)/;
/** PostgreSQL's: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const POSTGRES_FULL = /^53100$/;
const POSTGRES_FAILED = /^(58...|XX00[12]|25006)$/;
/** Connections (08), resources (53), shutdown (57P), roles (28), no such database (3D), a conflict it resolved against us (40), locks and time-outs. */
const POSTGRES_UNAVAILABLE = /^(08...|53[234]00|57P..|28...|3D000|40001|40P01|55P03|57014)$/;
const SYSTEM_FULL = /^(ENOSPC|EDQUOT)$/;
const SYSTEM_FAILED = /^(EROFS|EIO)$/;
const SYSTEM_UNAVAILABLE = /^(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN)$/;
/** What pg and its pool say without a code (pg 8.23, pg-pool 3.14). */
const LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|Driver not Connected)/;

/** better-sqlite3 makes its errors in the realm that loaded it first, whose `Error` may not be ours. */
const isError = (thrown: unknown): thrown is Error =>
  thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'code' in thrown);

/** What a failure of the database's surroundings is to a caller; undefined for every other error. */
export function storageErrorOf(thrown: unknown): StorageError | undefined {
  if (thrown instanceof StorageError) return thrown;
  if (!isError(thrown) || thrown instanceof DomainError) return undefined;
  const first: unknown = thrown instanceof AggregateError ? thrown.errors[0] : undefined;
  if (first !== undefined) return storageErrorOf(first);
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  const of = (...patterns: RegExp[]) => patterns.some((each) => each.test(code));
  if (of(SQLITE_FULL, POSTGRES_FULL, SYSTEM_FULL)) return new StorageFullError(code, thrown);
  if (of(SQLITE_FAILED, POSTGRES_FAILED, SYSTEM_FAILED)) return new StorageFailedError(code, thrown);
  if (of(SQLITE_BUSY, POSTGRES_UNAVAILABLE, SYSTEM_UNAVAILABLE)) return new DatabaseUnavailableError(code, thrown);
  if (code === '' && LOST.test(thrown.message)) return new DatabaseUnavailableError('the connection was lost', thrown);
  return undefined;
}
