import { existsSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { DatabaseConfig } from '../config/muster-config.js';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { DataDirLock } from '../core/database/data-dir-lock.js';
import { connect, dataSourceOptions } from '../core/database/data-source.js';
import { RESTORED } from '../core/database/fingerprint.js';
import { migrate } from '../core/database/migrator.js';
import {
  assertSound,
  BackupError,
  finishSwap,
  planSwap,
  removeLeftovers,
  snapshot,
  type SoundFile,
  stagedName,
  writeMark,
} from '../core/database/sqlite-files.js';
import { newId } from '../core/ids.js';
import { schema } from '../migrations/schema.js';
import { knownMigrations } from './backup.command.js';
import { type Command, type Invocation, type Outcome, UsageError } from './cli.types.js';
import { postgresAdvice } from './postgres-advice.js';

/** `muster admin restore <file>`: a backup takes the place of the database, which is moved aside. */
export const restoreCommand: Command = {
  usage: 'admin restore <file> [--yes]',
  summary: 'put a backup in the place of the database; the server must not run',
  flags: ['yes'],
  run: async ({ names: [name = ''], flags, environment }: Invocation): Promise<Outcome> => {
    const config = new MusterConfig(environment);
    const backup = resolve(name);
    if (config.database.kind === 'postgres') throw postgresAdvice(config.database.url, 'restore', backup);
    const lock = new DataDirLock(config);
    lock.acquire();
    try {
      const { sessions, events, aside } = await restore(config.database, backup, flags.yes === true);
      const kept =
        aside === undefined ? 'There was no database before.' : `The database of before is ${aside}; remove it when you need it no more.`;
      return {
        lines: [
          `Restored ${backup}: ${sessions} sessions, ${events} events.`,
          kept,
          'At its next start the server numbers everything anew: readers begin again.',
        ],
        data: { file: config.database.file, backup, sessions, events, previous: aside ?? null },
      };
    } finally {
      lock.release();
    }
  },
};

/**
 * Everything that can fail happens to a copy beside the database. Then the swap is written down and done; whoever is interrupted in it,
 * the next start goes on. Killed at any moment, either the old database is in its place or the new one will be.
 * @throws BackupError, UsageError
 */
async function restore(
  database: Extract<DatabaseConfig, { kind: 'sqlite' }>,
  backup: string,
  isSure: boolean,
): Promise<SoundFile & { readonly aside: string | undefined }> {
  const { file } = database;
  finishSwap(file);
  removeLeftovers(file);
  if (!existsSync(backup)) throw new BackupError(`There is no file ${backup}.`);
  if (backup === file) throw new BackupError(`${backup} is the database itself. Name a backup.`);
  const sound = assertSound(backup, knownMigrations());
  const isReplacing = existsSync(file);
  if (isReplacing && !isSure)
    throw new UsageError(
      `This would put ${backup} (${sound.sessions} sessions, ${sound.events} events) in the place of ${file}, which would be moved aside. Say --yes to do it.`,
    );
  const mark = `${new Clock().nowIso().replace(/\D/g, '')}-${newId().slice(-6)}`;
  const staged = join(dirname(file), stagedName(file, mark));
  const aside = `${basename(file)}.before-${mark}`;
  try {
    snapshot(backup, staged);
    const source = await connect(database, dataSourceOptions({ ...database, file: staged }, schema), () => undefined);
    try {
      await migrate(source);
    } finally {
      await source.destroy();
    }
    writeMark(staged, RESTORED);
    assertSound(staged, knownMigrations());
  } catch (error) {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(staged + suffix, { force: true });
    throw error;
  }
  planSwap(file, { staged: basename(staged), aside });
  finishSwap(file);
  return { ...sound, aside: isReplacing ? join(dirname(file), aside) : undefined };
}
