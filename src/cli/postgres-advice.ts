import { BackupError } from '../core/database/sqlite-files.js';

/**
 * PostgreSQL has tools of its own for this, which know their version: what to run, without the password, which stands in no command
 * line (`~/.pgpass` or `PGPASSWORD` holds it).
 */
export function postgresAdvice(url: string, does: 'backup' | 'restore', file: string): BackupError {
  const shown = withoutPassword(url);
  const commands =
    does === 'backup'
      ? [`pg_dump --format=custom --file=${quoted(file)} ${quoted(shown)}`]
      : ['createdb <a new database>', `pg_restore --exit-on-error --no-owner --dbname=<its URL> ${quoted(file)}`];
  const after =
    does === 'backup' ? 'It may run while the server does.' : 'Then start the server with MUSTER_DATABASE_URL set to the new database.';
  return new BackupError(
    [
      'The database is PostgreSQL, and has tools of its own for this. Nothing was done. Run:',
      ...commands.map((each) => `  ${each}`),
      after,
    ].join('\n'),
  );
}

function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return '<the URL of the database>';
  const url = new URL(text);
  url.password = '';
  url.searchParams.delete('password');
  return url.href;
}

const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);
