import BetterSqlite3 from 'better-sqlite3';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';

/** A backup or a restoration that can't be done. The message says why and what to do. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** SQLite keeps what is not in the file yet beside it. */
const SUFFIXES = ['', '-wal', '-shm'] as const;
const TABLES = ['migrations', 'outbox_counter', 'session_heads', 'session_events'];

/**
 * Writes a consistent copy of a database that may be in use into `target`, an empty file or none. One statement over one snapshot of
 * the log: it neither waits for writers nor holds them up, and ends however much they write.
 */
export function snapshot(source: string, target: string): void {
  const db = open(source, { fileMustExist: true, timeout: 10_000 });
  try {
    db.prepare('vacuum into ?').run(target);
  } finally {
    db.close();
  }
  sync(target);
}

export interface SoundFile {
  readonly sessions: number;
  readonly events: number;
}

/** Whether a file is a whole database of ours, not newer than this version. @throws BackupError */
export function assertSound(file: string, knownMigrations: readonly string[]): SoundFile {
  let db: BetterSqlite3.Database | undefined;
  try {
    db = open(file, { fileMustExist: true, readonly: true });
    const one = (sql: string): unknown => db?.prepare(sql).pluck().get();
    const result = one('pragma integrity_check');
    if (result !== 'ok') throw new BackupError(`${file} is damaged: ${String(result)}.`);
    const names = z.array(z.string());
    const tables = names.parse(db.prepare("select name from sqlite_master where type = 'table'").pluck().all());
    const missing = TABLES.filter((table) => !tables.includes(table));
    if (missing.length > 0) throw new BackupError(`${file} is not a database of Muster: it has no table ${missing.join(', ')}.`);
    const newer = names
      .parse(db.prepare('select name from migrations order by id').pluck().all())
      .filter((name) => !knownMigrations.includes(name));
    if (newer.length > 0)
      throw new BackupError(`${file} is from a newer version of Muster (${newer.join(', ')}). Use that version or a later one.`);
    return { sessions: Number(one('select count(*) from session_heads')), events: Number(one('select count(*) from session_events')) };
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(`${file} can't be read as a database: ${error instanceof Error ? error.message : String(error)}.`);
  } finally {
    db?.close();
  }
}

/** Marks a copy, so that the server that opens it first numbers everything anew. */
export function writeMark(file: string, fingerprint: string): void {
  const db = open(file, { fileMustExist: true });
  try {
    // What is left beside the file would have to move with it.
    db.pragma('journal_mode = delete');
    db.prepare('update database_identity set fingerprint = ? where id = 1').run(fingerprint);
  } finally {
    db.close();
  }
  if (existsSync(`${file}-wal`)) throw new BackupError(`${file} is in use by another program. Stop it and try again.`);
  sync(file);
}

/** Which file takes the place of the database, and where the present one goes. Names within the database's directory. */
const swapSchema = z.object({ staged: z.string(), aside: z.string() });
export type Swap = z.infer<typeof swapSchema>;

const planOf = (file: string): string => `${file}.restore.json`;
const STAGED = '.restoring-';

export const stagedName = (file: string, mark: string): string => `${basename(file)}${STAGED}${mark}`;

/** Removes what a restoration left that ended before anything was put in place. */
export function removeLeftovers(file: string): void {
  const directory = dirname(file);
  if (existsSync(planOf(file)) || !existsSync(directory)) return;
  for (const name of readdirSync(directory)) if (name.startsWith(`${basename(file)}${STAGED}`)) rmSync(join(directory, name));
}

/** Writes down what {@link finishSwap} will do. From here on the restoration is certain: what is interrupted is gone on with. */
export function planSwap(file: string, swap: Swap): void {
  const draft = `${planOf(file)}.draft`;
  writeFileSync(draft, JSON.stringify(swap), { mode: 0o600 });
  sync(draft);
  renameSync(draft, planOf(file));
  syncDirectory(dirname(file));
}

/** The steps of a swap. Each may be done when it was done before, and all of them again where any was interrupted. */
export function swapSteps(file: string, { staged, aside }: Swap): (() => void)[] {
  const directory = dirname(file);
  const from = join(directory, staged);
  const move = (suffix: string) => () => {
    if (existsSync(from) && existsSync(file + suffix)) renameSync(file + suffix, join(directory, aside) + suffix);
  };
  return [
    ...SUFFIXES.map(move),
    () => syncDirectory(directory),
    () => {
      if (existsSync(from)) renameSync(from, file);
    },
    () => syncDirectory(directory),
    () => rmSync(planOf(file), { force: true }),
    () => syncDirectory(directory),
  ];
}

/**
 * Does what was planned, or the rest of it; undefined where nothing was. Nobody may have the database open.
 * @throws BackupError where neither the old nor the new database is in its place
 */
export function finishSwap(file: string): Swap | undefined {
  if (!existsSync(planOf(file))) return undefined;
  const swap = swapSchema.parse(JSON.parse(readFileSync(planOf(file), 'utf8')));
  for (const step of swapSteps(file, swap)) step();
  if (!existsSync(file))
    throw new BackupError(
      `${file} is missing after a restoration that was interrupted. The database of before is ${swap.aside}, beside it.`,
    );
  return swap;
}

export const isSwapPlanned = (file: string): boolean => existsSync(planOf(file));

export function sync(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A name is on disk when its directory is. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function open(file: string, options: BetterSqlite3.Options): BetterSqlite3.Database {
  return new BetterSqlite3(file, options);
}
