import { ApiProperty } from '@nestjs/swagger';
import { FILE_CHANGES, type FileChangeKind } from '../../workspaces/git/git.types.js';
import type { SessionDiff } from '../session-diffs.service.js';

export class ChangedFileResponse {
  /** Relative to the session's directory. @example 'README.md' */
  path: string;
  /** `added`, `modified`, `deleted` or `renamed`. @example 'modified' */
  @ApiProperty({ enum: FILE_CHANGES })
  change: FileChangeKind;
  /** Of what was renamed. */
  oldPath?: string;
  /** Lines. @example 3 */
  additions: number;
  /** Lines. @example 1 */
  deletions: number;
  /** Its lines are not counted and not shown. @example false */
  binary: boolean;
}

/** What a session's directory holds beyond where it began, committed or not. */
export class SessionDiffResponse {
  /** Absolute. @example '/home/me/project' */
  directory: string;
  /** What it is compared with: a commit, or the empty tree. @example '1f7a7a472abf3dd9643fd615f6da379c4acb3e3a' */
  base: string;
  /** The commit that is checked out; absent before the first one. */
  head?: string;
  /** The branch that is checked out; absent where none is. @example 'main' */
  branch?: string;
  files: ChangedFileResponse[];
  /** Unified. */
  patch: string;
  /** Of the patch, or of very many files, the end is missing: ask for one file by `?path=`. @example false */
  truncated: boolean;

  static of({ directory, base, head, branch, files, patch, isTruncated: truncated }: SessionDiff): SessionDiffResponse {
    return {
      directory,
      base,
      ...(head === null ? {} : { head }),
      ...(branch === null ? {} : { branch }),
      files: [...files],
      patch,
      truncated,
    };
  }
}
