import { Injectable } from '@nestjs/common';
import { join } from 'node:path';
import type { Principal } from '../auth/principal.types.js';
import { MusterConfig } from '../config/muster-config.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { newId } from '../core/ids.js';
import { Repositories, type Repository } from '../workspaces/git/repositories.service.js';
import { type Comparison, Snapshots } from '../workspaces/git/snapshots.service.js';
import { Worktrees } from '../workspaces/worktrees.service.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { SessionScope } from './session-scope.service.js';
import { SessionTrees } from './session-trees.service.js';
import { NotSupportedError } from './sessions.errors.js';

export interface SessionDiff extends Comparison {
  readonly directory: string;
  /** A commit, or the empty tree. */
  readonly base: string;
  readonly head: string | null;
  readonly branch: string | null;
}

const TIMEOUT_MS = 15_000;
const MAX_PATCH_BYTES = 1024 * 1024;

/** What sessions changed, as git sees it. */
@Injectable()
export class SessionDiffs {
  /** By session and path: who asks while the answer is being made gets the same. */
  private readonly underWay = new Map<string, Promise<SessionDiff>>();

  constructor(
    private readonly scope: SessionScope,
    private readonly trees: SessionTrees,
    private readonly worktrees: Worktrees,
    private readonly repositories: Repositories,
    private readonly snapshots: Snapshots,
    private readonly config: MusterConfig,
  ) {}

  /**
   * What a session's directory holds, committed or not, beyond where it began: its worktree, or the commit that was checked out then.
   * @throws SessionNotFoundError, NotSupportedError, NotAWorkTreeError, WorkTreeTooLargeError, GitMissingError, GitFailedError
   */
  async of(principal: Principal, id: string, path?: string): Promise<SessionDiff> {
    if (path !== undefined) assertBelow(path);
    const session = await this.scope.find(principal, id);
    if (session.runtime === 'external')
      throw new NotSupportedError('The directory of an external session is not looked into: it may be on another machine.');
    const key = JSON.stringify([session.id, path]);
    const diff = this.underWay.get(key) ?? this.make(session, path).finally(() => this.underWay.delete(key));
    this.underWay.set(key, diff);
    return diff;
  }

  private async make(session: SessionEntity, path: string | undefined): Promise<SessionDiff> {
    const repository = await this.repositories.open(session.projectDir);
    const store = join(this.config.snapshotsDir, `diff-${newId()}`);
    try {
      const base = await this.baseOf(session, repository);
      const now = await this.snapshots.take(repository, store, TIMEOUT_MS);
      const options = { maxPatchBytes: MAX_PATCH_BYTES, timeoutMs: TIMEOUT_MS, ...(path === undefined ? {} : { path }) };
      const comparison = await this.snapshots.compare(repository, store, [base, now], options);
      const branch = await this.repositories.branch(repository);
      return { ...comparison, directory: session.projectDir, base, head: repository.head, branch };
    } finally {
      await this.snapshots.discard(store);
    }
  }

  private async baseOf(session: SessionEntity, repository: Repository): Promise<string> {
    const worktree = await this.worktrees.of(session);
    if (worktree) {
      // The branch it came from may have moved on since, and been merged into it.
      const tip = worktree.base === null ? null : await this.repositories.commit(repository, worktree.base);
      const common =
        repository.head === null ? null : await this.repositories.mergeBase(repository, repository.head, tip ?? worktree.baseCommit);
      return common ?? worktree.baseCommit;
    }
    const start = await this.trees.startOf(session.id);
    const known = start?.head ? await this.repositories.commit(repository, start.head) : null;
    return known ?? (start?.head === null ? null : repository.head) ?? this.snapshots.emptyTree(repository);
  }
}

/** @throws InvalidInputError */
function assertBelow(path: string): void {
  if (path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')) return;
  throw new InvalidInputError('path: it is relative to the directory of the session, and leads out of it nowhere.', {
    remedy: 'Name the file as the list of files does, as in src/main.ts.',
    issues: [{ path: 'path', message: 'must be a relative path without "." and ".."' }],
  });
}
