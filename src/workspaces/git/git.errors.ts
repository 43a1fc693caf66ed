import { DomainError, InvalidInputError } from '../../core/errors/domain.error.js';

/** What git is asked for makes sense in the files of a repository only. */
export class NotAWorkTreeError extends DomainError {
  readonly code = 'not_a_git_work_tree';
  readonly kind = 'conflict';
  constructor(path: string, why: string) {
    super(`${JSON.stringify(path)} is not in a git work tree that can be used: ${why}.`, {
      remedy: 'Run `git init` and make a first commit there, or work without isolation.',
      context: { path },
    });
  }
}

/** `git` is not on the PATH of this server. */
export class GitMissingError extends DomainError {
  readonly code = 'git_missing';
  readonly kind = 'unavailable';
  constructor() {
    super('git is not installed on the host of this server.', { remedy: 'Install git (2.36 or later), and see that it is on the PATH.' });
  }
}

/** git refused, or took longer than it may. */
export class GitFailedError extends DomainError {
  readonly code = 'git_failed';
  readonly kind = 'unavailable';
  constructor(command: string, why: string) {
    super(`git ${command} failed: ${why}.`, { remedy: 'See what `git status` says there, and try again.', context: { command } });
  }
}

/** Too much changed, in number or size, to be compared. */
export class WorkTreeTooLargeError extends DomainError {
  readonly code = 'work_tree_too_large';
  readonly kind = 'conflict';
  constructor(path: string, why: string) {
    super(`The changes in ${JSON.stringify(path)} are too many to be compared: ${why}.`, {
      remedy: 'Commit them, or name what is made by tools in .gitignore.',
      context: { path },
    });
  }
}

/** No name that a branch can have. */
export class BranchInvalidError extends InvalidInputError {
  override readonly code = 'branch_invalid';
  constructor(branch: string) {
    super(`${JSON.stringify(branch)} can't be the name of a branch.`, {
      remedy: 'Use letters, digits, "-", "_", "." and "/", as `git check-ref-format --branch` allows them; not with "-" at first.',
      issues: [{ path: 'worktree.branch', message: 'is no valid branch name' }],
    });
  }
}

/** The repository has no such commit. */
export class UnknownBaseError extends InvalidInputError {
  override readonly code = 'unknown_base';
  constructor(base: string) {
    super(`The repository has no commit ${JSON.stringify(base)}.`, {
      remedy: 'Name a branch, a tag or a commit that is in it; absent, the one that is checked out is taken.',
      issues: [{ path: 'worktree.base', message: 'names no commit' }],
    });
  }
}

/** A session's worktree has a branch of its own. */
export class BranchExistsError extends DomainError {
  readonly code = 'branch_exists';
  readonly kind = 'conflict';
  constructor(branch: string) {
    super(`The repository has a branch ${JSON.stringify(branch)}, or one that stands in its way.`, {
      remedy: 'Name another branch, or none: then one is made for the session.',
      context: { branch },
    });
  }
}
