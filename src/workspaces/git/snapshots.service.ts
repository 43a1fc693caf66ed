import { Injectable } from '@nestjs/common';
import { constants, existsSync } from 'node:fs';
import { access, copyFile, lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../core/process/proc-stat.js';
import { GitFailedError, WorkTreeTooLargeError } from './git.errors.js';
import type { ChangedFile } from './git.types.js';
import { parseChanges, quoted } from './git-output.js';
import { Git } from './git.service.js';
import type { Repository } from './repositories.service.js';

/** Two trees, compared. */
export interface Comparison {
  readonly files: readonly ChangedFile[];
  /** Unified. */
  readonly patch: string;
  /** Of the files or the patch something was left out. */
  readonly isTruncated: boolean;
}

export interface CompareOptions {
  readonly maxPatchBytes: number;
  /** Only this file. */
  readonly path?: string;
  readonly timeoutMs: number;
}

const MAX_FILES = 20_000;
const MAX_NAMES_BYTES = 8 * 1024 * 1024;
/** Bytes. A larger file is told by size and time only: its content is not copied. */
const LARGE = 4 * 1024 * 1024;
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;
const MAX_LIST_BYTES = 4 * 1024 * 1024;
const AT_ONCE = 64;
/** Above it renames are not looked for: the cost grows with its square. */
const MAX_RENAMES = 400;

const COMPARING = ['--no-ext-diff', '--no-textconv', '--no-color', '--submodule=short', '--relative', '-M', `-l${MAX_RENAMES}`, '-r'];

/**
 * What stands in a work tree, as a tree that git can compare: tracked files as they are now and untracked ones that nothing ignores. Index
 * and objects of the repository stay untouched: the snapshot has its own, in a directory of its own (`store`).
 */
@Injectable()
export class Snapshots {
  constructor(private readonly git: Git) {}

  /** The id of the tree. @throws WorkTreeTooLargeError, GitFailedError, also where it takes longer than `timeoutMs` */
  async take(repository: Repository, store: string, timeoutMs: number): Promise<string> {
    const { directory, settings } = repository;
    const end = performance.now() + timeoutMs;
    const env = this.environment(repository, store);
    const git = async (args: readonly string[], more: { input?: Buffer; maxBytes?: number } = {}) => {
      const leftMs = end - performance.now();
      if (leftMs <= 0) throw new GitFailedError(args[0] ?? '', 'there was no time left for it');
      return this.git.run({ cwd: directory, args, settings, env, timeoutMs: leftMs, ...more });
    };
    await mkdir(join(store, 'objects'), { recursive: true, mode: 0o700 });
    await copyIfThere(repository.index, join(store, 'index'));
    const args = ['ls-files', '-z', '--modified', '--deleted', '--others', '--exclude-standard', '--deduplicate'];
    const listed = await git(args, { maxBytes: MAX_NAMES_BYTES });
    const names = listed.isTruncated ? [] : namesIn(listed.stdoutBytes);
    if (listed.isTruncated || names.length > MAX_FILES) throw new WorkTreeTooLargeError(directory, `more than ${MAX_FILES} files`);
    const { small, large, replaced } = await this.sorted(directory, names);
    if (replaced.length > 0) await git(['update-index', '-z', '--force-remove', '--stdin'], { input: closed(replaced) });
    if (small.length > 0) await git(['update-index', '-z', '--add', '--remove', '--replace', '--stdin'], { input: closed(small) });
    if (large.length > 0) await this.addLarge(repository, store, large, git);
    return (await git(['write-tree', '--missing-ok'])).stdout.trim();
  }

  /** What differs below the directory of the repository; names are relative to it. @throws GitFailedError */
  async compare(
    repository: Repository,
    store: string,
    [from, to]: readonly [string, string],
    { maxPatchBytes, path, timeoutMs }: CompareOptions,
  ): Promise<Comparison> {
    const { directory, settings } = repository;
    const common = { cwd: directory, settings, env: this.environment(repository, store), timeoutMs };
    const listing = ['diff-tree', ...COMPARING, '-z', '--raw', '--numstat', from, to];
    const listed = await this.git.run({ ...common, args: listing, maxBytes: MAX_LIST_BYTES });
    const all = parseChanges(listed.stdout);
    const files = path === undefined ? all : all.filter((file) => file.path === path);
    if (files.length === 0) return { files, patch: '', isTruncated: listed.isTruncated };
    const only =
      path === undefined ? [] : ['--', ...files.flatMap((file) => [file.path, ...(file.oldPath === undefined ? [] : [file.oldPath])])];
    const args = ['--literal-pathspecs', 'diff-tree', ...COMPARING, '-p', '--src-prefix=a/', '--dst-prefix=b/', from, to, ...only];
    const patch = await this.git.run({ ...common, args, maxBytes: maxPatchBytes });
    // What is cut off in the middle of a line, or of a character, is left out to its beginning.
    const text = patch.isTruncated ? patch.stdout.slice(0, patch.stdout.lastIndexOf('\n') + 1) : patch.stdout;
    return { files, patch: text, isTruncated: listed.isTruncated || patch.isTruncated };
  }

  /** The tree with nothing in it: what a repository without a commit is compared with. */
  async emptyTree({ directory }: Repository): Promise<string> {
    return (await this.git.run({ cwd: directory, args: ['hash-object', '-t', 'tree', '--stdin'] })).stdout.trim();
  }

  async discard(store: string): Promise<void> {
    await rm(store, { recursive: true, force: true });
  }

  private environment({ objects }: Repository, store: string): Record<string, string> {
    return {
      GIT_INDEX_FILE: join(store, 'index'),
      GIT_OBJECT_DIRECTORY: join(store, 'objects'),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: quoted(objects),
    };
  }

  /** Those whose content is taken, with those that are gone, and those that are told of only. Repositories within are left out. */
  private async sorted(directory: string, names: readonly Buffer[]): Promise<Sorted> {
    const small: Buffer[] = [];
    const large: LargeFile[] = [];
    const replaced: Buffer[] = [];
    let total = 0;
    for (let at = 0; at < names.length; at += AT_ONCE)
      for (const { name, size, mark, isReplaced } of await Promise.all(
        names.slice(at, at + AT_ONCE).map((each) => lookAt(directory, each)),
      )) {
        if (isReplaced) replaced.push(name);
        else if (mark !== undefined) large.push({ name, mark });
        else if (size !== null) small.push(name);
        total += size ?? 0;
      }
    if (total > MAX_TOTAL_BYTES) throw new WorkTreeTooLargeError(directory, `more than ${MAX_TOTAL_BYTES} bytes`);
    return { small, large, replaced };
  }

  /** In place of its content a few bytes that change when it does; their NUL makes it binary. */
  private async addLarge(
    { prefix }: Repository,
    store: string,
    large: readonly LargeFile[],
    git: (args: readonly string[], more?: { input?: Buffer }) => Promise<{ readonly stdout: string }>,
  ): Promise<void> {
    const marks = large.map((_, index) => join(store, `mark-${index}`));
    for (const [index, { mark }] of large.entries()) await writeFile(marks[index] ?? '', mark);
    const hashing = ['hash-object', '-w', '--no-filters', '--stdin-paths'];
    const ids = (await git(hashing, { input: Buffer.from(marks.map((mark) => `${mark}\n`).join('')) })).stdout.split('\n');
    const below = prefix === '' ? '' : `${prefix}/`;
    const entries = large.map(({ name }, index) => Buffer.concat([Buffer.from(`100644 ${ids[index] ?? ''}\t${below}`), name]));
    await git(['update-index', '-z', '--replace', '--index-info'], { input: closed(entries) });
  }
}

interface LargeFile {
  readonly name: Buffer;
  readonly mark: string;
}

interface Sorted {
  readonly small: Buffer[];
  readonly large: LargeFile[];
  /** Files in whose place there is a directory by now. */
  readonly replaced: Buffer[];
}

interface Look {
  readonly name: Buffer;
  /** Bytes; null for what can't be in a tree, or is a repository of its own. */
  readonly size: number | null;
  readonly mark?: string;
  readonly isReplaced?: boolean;
}

async function lookAt(directory: string, name: Buffer): Promise<Look> {
  const path = Buffer.concat([Buffer.from(`${directory}/`), name]);
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return { name, size: 0 };
    if (found.isDirectory() && name.at(-1) === SLASH) return { name, size: null };
    if (found.isDirectory()) return { name, size: 0, isReplaced: !existsSync(Buffer.concat([path, Buffer.from('/.git')])) };
    if (!found.isFile()) return { name, size: null };
    if (found.size > LARGE) return { name, size: 0, mark: `\0${found.size} bytes, written at ${found.mtimeMs} ms` };
    await access(path, constants.R_OK);
    return { name, size: found.size };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { name, size: 0 };
    if (isErrno(error, 'EACCES', 'EPERM')) return { name, size: 0, mark: '\0not to be read' };
    throw error;
  }
}

const SLASH = 0x2f;
const NUL = Buffer.alloc(1);

const closed = (items: readonly Buffer[]): Buffer => Buffer.concat(items.flatMap((item) => [item, NUL]));

function namesIn(output: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let at = 0, end = output.indexOf(0); end >= 0; at = end + 1, end = output.indexOf(0, at)) names.push(output.subarray(at, end));
  return names;
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await copyFile(from, to).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
}
