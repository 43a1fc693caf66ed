import type { Database } from './database.js';

/** What `muster admin restore` writes into the identity of a database that it puts in place. */
export const RESTORED = 'restored';

/** Not allowed, or not there: a provider that keeps a function to itself. */
const REFUSED = /^(42501|42883|0A000)$/;

/**
 * What tells this PostgreSQL database from one made out of its dump: the cluster (PostgreSQL manual, "Control Data Functions"), its
 * timeline (a new one begins with recovery to a point in time and with the promotion of a standby), the database and a table of ours.
 * A file of SQLite has no such thing: a copy of it can't be told from it.
 */
export async function fingerprintOf(db: Database): Promise<string> {
  if (db.dialect === 'sqlite') return 'sqlite';
  const ask = async (sql: string): Promise<string> => {
    try {
      const [row] = await db.query<{ value: string }>(sql);
      return row?.value ?? 'unknown';
    } catch (error) {
      if (error instanceof Error && 'code' in error && REFUSED.test(String(error.code))) return 'unknown';
      throw error;
    }
  };
  return [
    await ask('select system_identifier::text as value from pg_control_system()'),
    await ask('select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as value'),
    await ask('select oid::text as value from pg_database where datname = current_database()'),
    await ask("select 'outbox_counter'::regclass::oid::text as value"),
  ].join('.');
}
