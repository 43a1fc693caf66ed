/** What a caller may say of the worktree its session gets. */
export interface WorktreeWish {
  /** Absent: `muster/<id of the session>`. */
  readonly branch?: string;
  /** A branch, tag or commit; absent: what is checked out. */
  readonly base?: string;
}

/** What became of the worktree of a session that was deleted. */
export interface WorktreeFate {
  readonly path: string;
  readonly branch: string;
  /** With its branch. */
  readonly removed: boolean;
  /** Why it stays. */
  readonly reason?: string;
}
