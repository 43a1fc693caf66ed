import { existsSync, linkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { assertSound, BackupError, isSwapPlanned, snapshot, type SoundFile, syncDirectory } from '../core/database/sqlite-files.js';
import { newId } from '../core/ids.js';
import { schema } from '../migrations/schema.js';
import type { Command, Invocation, Outcome } from './cli.types.js';
import { postgresAdvice } from './postgres-advice.js';

/** `muster admin backup <file>`: a consistent copy of the database, also while a server writes to it. */
export const backupCommand: Command = {
  usage: 'admin backup <file> [--force]',
  summary: 'write a copy of the database, also while the server runs',
  flags: ['force'],
  run: async ({ names: [name = ''], flags, environment }: Invocation): Promise<Outcome> => {
    const { database } = new MusterConfig(environment);
    const target = resolve(name);
    if (database.kind === 'postgres') throw postgresAdvice(database.url, 'backup', target);
    const { sessions, events, bytes } = backUp(database.file, target, flags.force === true);
    return {
      lines: [
        `Backed up to ${target}: ${sessions} sessions, ${events} events, ${(bytes / 1024 / 1024).toFixed(1)} MiB. It was read again and is whole.`,
      ],
      data: { file: target, sessions, events, bytes },
    };
  },
};

/**
 * Under another name until it is whole, checked and on disk: a file of the target's name is always a good one.
 * @throws BackupError; Error of the file system
 */
export function backUp(source: string, target: string, isForced: boolean): SoundFile & { readonly bytes: number } {
  if (!existsSync(source))
    throw new BackupError(
      isSwapPlanned(source)
        ? `A restoration of ${source} was interrupted. Start the server: it finishes it.`
        : `There is no database at ${source}. Is MUSTER_DATA_DIR right?`,
    );
  if (target === source || target.startsWith(`${source}-`)) throw new BackupError(`${target} is the database itself. Name another file.`);
  if (existsSync(target) && !statSync(target).isFile()) throw new BackupError(`${target} is not a file.`);
  assertFree(target, isForced);
  const partial = join(dirname(target), `.${basename(target)}.${newId()}.partial`);
  // Prompts and outputs stand in there: for this user only from its first byte on.
  writeFileSync(partial, '', { mode: 0o600, flag: 'wx' });
  try {
    snapshot(source, partial);
    const sound = assertSound(partial, knownMigrations());
    const { size: bytes } = statSync(partial);
    if (isForced) renameSync(partial, target);
    else place(partial, target);
    syncDirectory(dirname(target));
    return { ...sound, bytes };
  } finally {
    for (const suffix of ['', '-journal']) rmSync(partial + suffix, { force: true });
  }
}

export const knownMigrations = (): string[] => schema.migrations.map(({ name }) => name);

/** A link fails where the name is taken, by however short a time; a rename would not. */
function place(partial: string, target: string): void {
  try {
    linkSync(partial, target);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EEXIST' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    // A file system without links.
    assertFree(target, false);
    renameSync(partial, target);
  }
}

function assertFree(target: string, isForced: boolean): void {
  if (!isForced && existsSync(target)) throw new BackupError(`${target} is there already. Name another file, or replace it with --force.`);
}
