import { Injectable } from '@nestjs/common';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { DomainError } from '../../core/errors/domain.error.js';
import { PathRules } from '../path-rules.js';
import { complaintOf, Git } from './git.service.js';
import { NotAWorkTreeError } from './git.errors.js';

/** The repository that a directory lies in. */
export interface Repository {
  /** The directory that was asked for: a real path. */
  readonly directory: string;
  /** The top of its work tree. */
  readonly top: string;
  /** `directory` below `top`, without a slash at its end; empty where it is the top. */
  readonly prefix: string;
  /** The `.git` that all its worktrees share. */
  readonly common: string;
  readonly objects: string;
  readonly index: string;
  /** Null before the first commit. */
  readonly head: string | null;
  /** Keeps git from running what the repository has configured as filters. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Finds repositories, within the directories that are allowed. */
@Injectable()
export class Repositories {
  constructor(
    private readonly git: Git,
    private readonly paths: PathRules,
  ) {}

  /** Whether it is worth asking git: costs a look at each directory above. */
  mayBeIn(directory: string): boolean {
    for (let at = directory; ; at = dirname(at)) {
      if (existsSync(join(at, '.git'))) return true;
      if (at === dirname(at)) return false;
    }
  }

  /** @throws NotAWorkTreeError, GitMissingError, GitFailedError */
  async open(directory: string): Promise<Repository> {
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw new NotAWorkTreeError(directory, 'it is not there');
    if (!this.mayBeIn(directory)) throw new NotAWorkTreeError(directory, 'there is no .git in it, nor above it');
    const args = ['rev-parse', '--path-format=absolute', '--is-inside-work-tree', '--show-toplevel', '--git-common-dir'];
    const run = await this.git.attempt({ cwd: directory, args: [...args, '--git-path', 'objects', '--git-path', 'index'] });
    const [isInside, top, common, objects, index] = run.stdout.split('\n');
    if (run.code !== 0 || isInside !== 'true' || !top || !common || !objects || !index)
      throw new NotAWorkTreeError(directory, isInside === 'false' ? 'it is the inside of a repository' : complaintOf(run));
    const prefix = relative(top, directory);
    // `core.worktree` and a `.git` file may lead anywhere.
    if (prefix.startsWith('..') || resolve(top, prefix) !== directory)
      throw new NotAWorkTreeError(directory, 'its repository names another directory as its work tree');
    await this.assertAllowed(directory, top, common);
    const settings = await this.withoutFilters(directory);
    const head = await this.commit({ directory }, 'HEAD');
    return { directory, top, prefix, common, objects, index, head, settings };
  }

  /** The id of a commit by any name that git knows it by; null where there is none. */
  commit({ directory }: Pick<Repository, 'directory'>, name: string): Promise<string | null> {
    return this.git.line({ cwd: directory, args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`] });
  }

  /** The branch that is checked out; null where none is. */
  branch({ directory }: Pick<Repository, 'directory'>): Promise<string | null> {
    return this.git.line({ cwd: directory, args: ['symbolic-ref', '--quiet', '--short', 'HEAD'] });
  }

  /** The full name of the branch that the name of a commit stands for; null where it stands for no more than that. */
  async ref({ directory }: Pick<Repository, 'directory'>, name: string): Promise<string | null> {
    const ref = await this.git.line({ cwd: directory, args: ['rev-parse', '--symbolic-full-name', name] });
    return ref !== null && /^refs\/(heads|remotes)\/[^\n]+$/.test(ref) ? ref : null;
  }

  /** The last commit that two have in common; null where there is none. */
  mergeBase({ directory }: Repository, one: string, other: string): Promise<string | null> {
    return this.git.line({ cwd: directory, args: ['merge-base', one, other] });
  }

  private async assertAllowed(directory: string, ...paths: readonly string[]): Promise<void> {
    for (const path of paths)
      await this.paths.resolveDirectory(path).catch((error: unknown) => {
        if (error instanceof DomainError) throw new NotAWorkTreeError(directory, 'its repository lies outside of the allowed directories');
        throw error;
      });
  }

  private async withoutFilters(cwd: string): Promise<Record<string, string>> {
    const names = await this.git.line({ cwd, args: ['config', '-z', '--name-only', '--get-regexp', '^filter\\.'] });
    const drivers = new Set((names ?? '').split('\0').flatMap((name) => /^(filter\..*)\.[^.]+$/s.exec(name)?.[1] ?? []));
    return Object.fromEntries(
      [...drivers].flatMap((driver) => [
        [`${driver}.clean`, ''],
        [`${driver}.smudge`, ''],
        [`${driver}.process`, ''],
        [`${driver}.required`, 'false'],
      ]),
    );
  }
}
