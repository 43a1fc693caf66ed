import { IsIn, Matches } from 'class-validator';
import { IsText, Optional, QueryInt } from '../../core/http/validators.js';
import { USAGE_GROUPINGS, type UsageGrouping } from '../persistence/usage.repository.js';

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

/** What to sum. */
export class UsageQuery {
  /** `turn` only together with `sessionId`. */
  @Optional()
  @IsIn(USAGE_GROUPINGS)
  groupBy?: UsageGrouping;

  /** The first day, UTC. @example '2026-11-01' */
  @Optional()
  @Matches(DAY, { message: 'must be a day: 2026-11-21' })
  from?: string;

  /** The last day, UTC. @example '2026-11-30' */
  @Optional()
  @Matches(DAY, { message: 'must be a day: 2026-11-21' })
  to?: string;

  /** Only what was used in this workspace. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  /** Only what this session used. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  sessionId?: string;

  /** `nextCursor` of the page before. */
  @Optional()
  @IsText({ min: 1, max: 1024 })
  cursor?: string;

  /** Groups a page. */
  @QueryInt(1, 200)
  limit: number = 100;
}
