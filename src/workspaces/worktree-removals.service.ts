import { Injectable } from '@nestjs/common';
import { existsSync } from 'node:fs';
import { DomainError } from '../core/errors/domain.error.js';
import { complaintOf, Git } from './git/git.service.js';
import { Repositories, type Repository } from './git/repositories.service.js';
import type { WorktreeEntity } from './persistence/worktree.entity.js';
import type { WorktreeFate } from './worktree.types.js';

const MAX_LIST_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** Removes worktrees that hold nothing which is not elsewhere too. What git ignores is not work; whatever is in doubt stays. */
@Injectable()
export class WorktreeRemovals {
  constructor(
    private readonly git: Git,
    private readonly repositories: Repositories,
  ) {}

  /** Never fails: what hinders it is the reason why it stays. */
  async removeIfNothingIsLost(worktree: WorktreeEntity): Promise<WorktreeFate> {
    const { path, branch } = worktree;
    const reason = await this.remove(worktree).catch((error: unknown) => {
      if (error instanceof DomainError) return `it could not be looked into: ${error.message}`;
      throw error;
    });
    return reason === null ? { path, branch, removed: true } : { path, branch, removed: false, reason };
  }

  /** Null, or why it stays. */
  private async remove(worktree: WorktreeEntity): Promise<string | null> {
    const { path, branch } = worktree;
    if (!existsSync(path)) return null;
    const own = await this.repositories.open(path);
    const main = await this.repositories.open(worktree.repository);
    if (own.top !== path || own.common !== main.common) return 'it belongs to another repository by now';
    const held = (await this.uncommitted(own)) ?? (await this.unmerged(own, worktree));
    if (held !== null) return held;
    const { top: cwd, settings } = main;
    // Without --force: git looks itself once more, and refuses what was changed meanwhile.
    const removed = await this.git.attempt({ cwd, settings, args: ['worktree', 'remove', '--', path], timeoutMs: TIMEOUT_MS });
    if (removed.code !== 0) return `git does not remove it: ${complaintOf(removed)}`;
    await this.git.attempt({ cwd, settings, args: ['branch', '--delete', '--force', '--quiet', '--', branch] });
    return null;
  }

  private async uncommitted({ directory: cwd, settings }: Repository): Promise<string | null> {
    const marks = await this.git.run({ cwd, settings, args: ['ls-files', '-z', '-v'], maxBytes: MAX_LIST_BYTES, timeoutMs: TIMEOUT_MS });
    if (marks.isTruncated) return 'it has too many files to be looked through';
    // Files that somebody told git not to look at: changes in them do not show.
    const isHidden = marks.stdout.split('\0').some((entry) => /^[a-zS] /.test(entry) && existsSync(`${cwd}/${entry.slice(2)}`));
    if (isHidden) return 'git was told to overlook changes in some of its files';
    const args = ['status', '--porcelain', '-z', '--untracked-files=all', '--ignore-submodules=dirty'];
    const status = await this.git.run({ cwd, settings, args, timeoutMs: TIMEOUT_MS });
    return status.stdout === '' ? null : 'it has changes that are not committed';
  }

  /** Each of its commits must be in another branch or tag, or have been there when it was made. */
  private async unmerged(own: Repository, { branch, baseCommit }: WorktreeEntity): Promise<string | null> {
    const tips = [own.head, await this.repositories.commit(own, `refs/heads/${branch}`)];
    for (const tip of new Set(tips)) {
      if (tip === null || tip === baseCommit) continue;
      const args = ['for-each-ref', `--contains=${tip}`, '--count=2', '--format=%(refname)', 'refs/heads', 'refs/remotes', 'refs/tags'];
      const { stdout } = await this.git.run({ cwd: own.directory, args, timeoutMs: TIMEOUT_MS });
      if (!stdout.split('\n').some((ref) => ref !== '' && ref !== `refs/heads/${branch}`))
        return `its branch ${branch} has commits that are merged nowhere`;
    }
    return null;
  }
}
