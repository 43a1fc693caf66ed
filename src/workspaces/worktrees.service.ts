import { Injectable, type OnModuleInit } from '@nestjs/common';
import { existsSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Principal } from '../auth/principal.types.js';
import { MusterConfig } from '../config/muster-config.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { makeDirectory } from '../core/make-directory.js';
import { BranchExistsError, BranchInvalidError, NotAWorkTreeError, UnknownBaseError } from './git/git.errors.js';
import { Git } from './git/git.service.js';
import { Repositories, type Repository } from './git/repositories.service.js';
import type { WorktreeEntity } from './persistence/worktree.entity.js';
import { WorktreesRepository } from './persistence/worktrees.repository.js';
import type { WorktreeWish } from './worktree.types.js';
import { WorkspaceHasWorktreesError } from './workspaces.errors.js';
import { WorkspacesService } from './workspaces.service.js';

export interface WorktreePlace {
  readonly sessionId: string;
  readonly workspaceId: string | null;
  /** A real path that the caller may work in. */
  readonly directory: string;
  readonly now: string;
}

/** A checkout of a large repository writes many files. */
const CHECKOUT_TIMEOUT_MS = 120_000;

/** Git worktrees of sessions: planned when a session is stored, made before its agent is started, removed only where nothing is lost. */
@Injectable()
export class Worktrees implements OnModuleInit {
  constructor(
    private readonly config: MusterConfig,
    private readonly git: Git,
    private readonly repositories: Repositories,
    private readonly worktrees: WorktreesRepository,
    private readonly workspaces: WorkspacesService,
    private readonly unit: UnitOfWork,
  ) {}

  onModuleInit(): void {
    this.workspaces.addDeletionGuard((_work, workspaceId) => this.assertNone(workspaceId));
  }

  /**
   * What is to be made for a session; nothing is yet.
   * @throws NotAWorkTreeError, BranchInvalidError, BranchExistsError, UnknownBaseError, ForbiddenError, GitMissingError
   */
  async plan(principal: Principal, place: WorktreePlace, { branch, base }: WorktreeWish): Promise<WorktreeEntity> {
    const { sessionId, workspaceId, directory, now } = place;
    const repository = await this.repositories.open(directory);
    // What is checked out is all of the repository, not only the part that the workspace is.
    if (repository.top !== directory) await this.workspaces.assertMayWorkIn(principal, repository.top);
    if (repository.head === null && base === undefined) throw new NotAWorkTreeError(directory, 'its repository has no commit yet');
    const name = branch ?? `muster/${sessionId}`;
    await this.assertFree(repository, name);
    const baseCommit = base?.startsWith('-') ? null : await this.repositories.commit(repository, base ?? 'HEAD');
    if (baseCommit === null) throw new UnknownBaseError(base ?? 'HEAD');
    makeDirectory(this.config.worktreesDir);
    const path = join(realpathSync(this.config.worktreesDir), sessionId);
    return {
      id: sessionId,
      workspaceId,
      ownerId: principal.id,
      repository: directory,
      path,
      projectDir: repository.prefix === '' ? path : join(path, repository.prefix),
      branch: name,
      base: await this.repositories.ref(repository, base ?? 'HEAD'),
      baseCommit,
      createdAt: now,
      madeAt: null,
    };
  }

  /** Within the unit that stores the session. */
  async add(worktree: WorktreeEntity): Promise<void> {
    await this.worktrees.add(worktree);
  }

  /** The worktree that a session works in, be it its own or that of a session it goes on from; null where it works in none. */
  of({ projectDir }: { readonly projectDir: string }): Promise<WorktreeEntity | null> {
    return this.worktrees.findByProjectDir(projectDir);
  }

  /** Forgets one that is gone, within a unit. */
  async forget({ id }: WorktreeEntity): Promise<void> {
    await this.worktrees.remove(id);
  }

  /** Makes it, where it was not made in full before. @throws BranchExistsError, NotAWorkTreeError, GitFailedError */
  async make(worktree: WorktreeEntity, now: string): Promise<void> {
    if (worktree.madeAt !== null) return;
    const { path, branch, baseCommit } = worktree;
    const repository = await this.repositories.open(worktree.repository);
    const isLeftover = existsSync(path);
    if (isLeftover) await this.clear(repository, path);
    const tip = await this.repositories.commit(repository, `refs/heads/${branch}`);
    if (tip !== null && !(isLeftover && tip === baseCommit)) throw new BranchExistsError(branch);
    const what = tip === null ? ['--no-track', '-b', branch, '--', path, baseCommit] : ['--', path, branch];
    const { top: cwd, settings } = repository;
    const args = ['worktree', 'add', '--quiet', ...(isLeftover ? ['--force', '--force'] : []), ...what];
    await this.git.run({ cwd, args, settings, timeoutMs: CHECKOUT_TIMEOUT_MS });
    if (!existsSync(worktree.projectDir)) makeDirectory(worktree.projectDir);
    await this.unit.run(() => this.worktrees.made(worktree.id, now));
  }

  /** What an earlier life of this server left half done: no agent was ever in it. */
  private async clear({ top: cwd, settings }: Repository, path: string): Promise<void> {
    await this.git.attempt({ cwd, args: ['worktree', 'remove', '--force', '--force', '--', path], settings });
    await rm(path, { recursive: true, force: true });
  }

  private async assertFree(repository: Repository, branch: string): Promise<void> {
    const { directory: cwd } = repository;
    const isName = !branch.startsWith('-') && branch !== 'HEAD' && Buffer.byteLength(branch) <= 200;
    const checked = isName ? await this.git.attempt({ cwd, args: ['check-ref-format', `refs/heads/${branch}`] }) : { code: 1 };
    if (checked.code !== 0) throw new BranchInvalidError(branch);
    // A branch "a" stands in the way of "a/b", and the other way round.
    const above = branch.split('/').map((_, index, parts) => `refs/heads/${parts.slice(0, index + 1).join('/')}`);
    const taken = await this.git.run({ cwd, args: ['for-each-ref', '--count=1', '--format=%(refname)', '--', `refs/heads/${branch}/`] });
    if (taken.stdout !== '') throw new BranchExistsError(branch);
    for (const ref of above) if ((await this.repositories.commit(repository, ref)) !== null) throw new BranchExistsError(branch);
  }

  /** Those that are no longer there are forgotten. @throws WorkspaceHasWorktreesError */
  private async assertNone(workspaceId: string): Promise<void> {
    const all = await this.worktrees.findOf(workspaceId);
    const left = all.filter(({ path }) => existsSync(path));
    if (left.length > 0) throw new WorkspaceHasWorktreesError(workspaceId, left);
    for (const { id } of all) await this.worktrees.remove(id);
  }
}
