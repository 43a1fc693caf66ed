import { DomainError } from '../core/errors/domain.error.js';

/** There is none of this id, or it may not be seen. */
export class WorkspaceNotFoundError extends DomainError {
  readonly code = 'workspace_not_found';
  readonly kind = 'not_found';
  constructor(id: string) {
    super(`There is no workspace ${JSON.stringify(id.slice(0, 100).toWellFormed())}.`);
  }
}

/** The directory is a workspace already; its id is told to those who may see it. */
export class WorkspaceExistsError extends DomainError {
  readonly code = 'workspace_exists';
  readonly kind = 'conflict';
  constructor(path: string, workspaceId?: string) {
    super(`${JSON.stringify(path)} is a workspace already${workspaceId === undefined ? '' : `: ${workspaceId}`}.`, {
      remedy:
        workspaceId === undefined ? 'Ask its owner to let you in, or use another directory.' : 'Use that workspace, or another directory.',
      context: { path, ...(workspaceId === undefined ? {} : { workspaceId }) },
    });
  }
}

/** Agents are at work in it. */
export class WorkspaceInUseError extends DomainError {
  readonly code = 'workspace_in_use';
  readonly kind = 'conflict';
  constructor(workspaceId: string, liveSessions: number) {
    super(`The workspace has ${liveSessions} live session(s).`, {
      remedy: 'Stop them first: GET /api/sessions?workspaceId=… lists them.',
      context: { workspaceId, liveSessions },
    });
  }
}

/** Sessions' worktrees of it are still there, and may hold work. */
export class WorkspaceHasWorktreesError extends DomainError {
  readonly code = 'workspace_has_worktrees';
  readonly kind = 'conflict';
  constructor(workspaceId: string, worktrees: readonly { readonly id: string; readonly path: string; readonly branch: string }[]) {
    super(`The workspace has ${worktrees.length} git worktree(s) of sessions: ${worktrees.map(({ path }) => path).join(', ')}.`, {
      remedy:
        'Delete their sessions: clean and merged worktrees go with them. What is left after that holds work: merge or copy it, then `git worktree remove <path>`.',
      context: { workspaceId, worktrees: worktrees.map(({ id, path, branch }) => ({ sessionId: id, path, branch })) },
    });
  }
}

/** The row was changed since the caller read it. A 409 as everywhere in this API; there is no 412. */
export class WorkspaceVersionConflictError extends DomainError {
  readonly code = 'version_conflict';
  readonly kind = 'conflict';
  constructor(version: number) {
    super(`The workspace has version ${version} by now.`, {
      remedy: 'Read it again and repeat the change, with the ETag of what you read as If-Match.',
      context: { version },
    });
  }
}

/** Nobody of this id is a member of the workspace. */
export class MemberNotFoundError extends DomainError {
  readonly code = 'member_not_found';
  readonly kind = 'not_found';
  constructor(principalId: string) {
    super(`${JSON.stringify(principalId.slice(0, 100))} is not a member of this workspace.`);
  }
}

/** A workspace keeps at least one owner. */
export class LastOwnerError extends DomainError {
  readonly code = 'last_owner';
  readonly kind = 'conflict';
  constructor() {
    super('This is the last owner of the workspace.', { remedy: 'Make somebody else an owner first.' });
  }
}
