import { IsISO8601 } from 'class-validator';
import { IsText, Optional, QueryInt } from '../../core/http/validators.js';

/** Which entries of the audit are wanted. */
export class AuditFilter {
  /** Entries behind this cursor; absent or `0`: from the beginning. @example '0a1b2c3d.42' */
  @Optional()
  @IsText({ min: 1, max: 64 })
  after?: string;

  /** What this principal did. @example 'user:ada' */
  @Optional()
  @IsText({ min: 1, max: 128 })
  actor?: string;

  /** Acts of this name. @example 'key.created' */
  @Optional()
  @IsText({ min: 1, max: 128 })
  name?: string;

  @Optional()
  @IsText({ min: 1, max: 64 })
  sessionId?: string;

  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  /** Not before this time. @example '2026-11-20T00:00:00Z' */
  @Optional()
  @IsISO8601({ strict: true, strictSeparator: true })
  from?: string;

  /** Before this time. @example '2026-11-21T00:00:00Z' */
  @Optional()
  @IsISO8601({ strict: true, strictSeparator: true })
  to?: string;
}

export class ReadAuditQuery extends AuditFilter {
  @QueryInt(1, 1000)
  limit: number = 100;
}
