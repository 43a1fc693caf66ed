import type { WeakSetting } from '../../config/muster-config.js';
import { StorageError } from '../errors/storage.errors.js';

/** The database promises less than Muster has to. Nothing is written over such a connection. */
export class WeakDurabilityError extends StorageError {
  readonly code = 'database_not_durable';
}

/** A connection of pg, as far as it is needed here. */
interface Connection {
  query(sql: string): Promise<{ rows: { name: string; setting: string }[] }>;
}

const SQL = "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')";

/**
 * What each setting must not be, and what it costs. `local`, `remote_write`, `on` and `remote_apply` all wait for the local flush; only
 * `off` does not: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
 */
const COST: Readonly<Record<WeakSetting, string>> = {
  fsync: 'a loss of power may destroy the database',
  full_page_writes: 'a loss of power in the middle of writing a page may destroy the database',
  synchronous_commit: 'what was acknowledged may be lost with the power, or with PostgreSQL itself',
};

/** Makes the check of each new connection: settings may differ by database, role and connection string, and change with a restart. */
export function durabilityCheck(allowed: readonly WeakSetting[], onAllowed: (name: string, value: string) => void) {
  return async (connection: Connection): Promise<void> => {
    const { rows } = await connection.query(SQL);
    for (const { name, setting } of rows) {
      if (setting !== 'off') continue;
      const weak = allowed.find((each) => each === name);
      if (weak === undefined) throw new WeakDurabilityError(messageOf(name, setting));
      onAllowed(weak, setting);
    }
  };
}

function messageOf(name: string, setting: string): string {
  const cost = Object.entries(COST).find(([known]) => known === name)?.[1] ?? 'what was acknowledged may be lost';
  const where =
    name === 'synchronous_commit'
      ? 'for this database and role (alter database … set, alter role … set, postgresql.conf)'
      : 'in postgresql.conf';
  return `PostgreSQL runs with ${name}=${setting}: ${cost}. Set ${name}=on ${where}, or allow it with MUSTER_DATABASE_ALLOW_WEAK=${name}.`;
}
