import { IsIn, IsInt, IsString, Max, Min } from 'class-validator';
import { IsJsonObject, IsText, Nullable, Optional, QueryBoolean, QueryInt } from '../../core/http/validators.js';
import { IsRetention, RetentionRequest } from './retention.dto.js';
import { WORKSPACE_SORTS, type WorkspaceSort } from '../persistence/workspaces.repository.js';

/** A directory to work in. */
export class CreateWorkspaceRequest {
  /** Absolute path of an existing directory below an allowed root. Links are resolved. @example '/home/me/project' */
  @IsString()
  path: string;

  /** Shown to people. Absent: the last part of the path. @example 'My project' */
  @Optional()
  @IsText({ min: 1, max: 256 })
  name?: string;

  /** How many sessions may be active at once; null or absent: several. @example 1 */
  @Nullable()
  @IsInt()
  @Min(1)
  @Max(10_000)
  maxActiveSessions?: number | null;

  /** How long what its sessions' events hold is kept; null or absent: as the instance says. */
  @Nullable()
  @IsRetention()
  retention?: RetentionRequest | null;

  /** Kept and given back as it comes. */
  @Optional()
  @IsJsonObject()
  metadata?: Record<string, unknown>;
}

/** What to change. Absent fields stay as they are; the path of a workspace never changes. */
export class PatchWorkspaceRequest {
  /** @example 'A better name' */
  @Optional()
  @IsText({ min: 1, max: 256 })
  name?: string;

  /** `null` takes the limit away. Sessions that are active already stay so. @example 1 */
  @Nullable()
  @IsInt()
  @Min(1)
  @Max(10_000)
  maxActiveSessions?: number | null;

  /** Replaces the whole rule; `null`: as the instance says. What was removed does not come back. */
  @Nullable()
  @IsRetention()
  retention?: RetentionRequest | null;

  /** Replaces the whole. */
  @Optional()
  @IsJsonObject()
  metadata?: Record<string, unknown>;
}

/** What to list. */
export class ListWorkspacesQuery {
  /** Part of the name or the path, whatever its case. */
  @Optional()
  @IsText({ min: 1, max: 256 })
  q?: string;

  /** Newest first where absent. */
  @Optional()
  @IsIn(WORKSPACE_SORTS)
  sort?: WorkspaceSort;

  /** `nextCursor` of the page before. */
  @Optional()
  @IsText({ min: 1, max: 2048 })
  cursor?: string;

  /** Rows a page. */
  @QueryInt(1, 200)
  limit: number = 50;

  /** Adds `total`, the number of all that match. */
  @Optional()
  @QueryBoolean()
  total?: boolean;
}
