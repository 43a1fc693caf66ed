import { IsJsonObject, IsText, Optional, QueryBoolean, QueryInt, QueryList } from '../../core/http/validators.js';
import { APPROVAL_STATUSES, type ApprovalStatus } from '../approval.types.js';

export class PageApprovalsQuery {
  /** One status or several, separated by commas. @example ['pending'] */
  @Optional()
  @QueryList(APPROVAL_STATUSES)
  status?: ApprovalStatus[];

  /** `nextCursor` of the page before. */
  @Optional()
  @IsText({ min: 1, max: 1024 })
  cursor?: string;

  /** Rows a page. */
  @QueryInt(1, 200)
  limit: number = 50;

  /** Adds `total`, the number of all that match. */
  @Optional()
  @QueryBoolean()
  total?: boolean;
}

/** What to list. */
export class ListApprovalsQuery extends PageApprovalsQuery {
  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  @Optional()
  @IsText({ min: 1, max: 64 })
  sessionId?: string;
}

/** An answer. */
export class DecideRequest {
  /** One of the approval's `options`. @example 'allow_once' */
  @IsText({ min: 1, max: 1024 })
  optionId: string;

  /** Why. It is kept, and told to an agent that can hear it. */
  @Optional()
  @IsText({ min: 1, max: 4_000 })
  text?: string;

  /** Another input for the tool, in place of the agent's; where the approval `takesEdits`. */
  @Optional()
  @IsJsonObject()
  edits?: Record<string, unknown>;
}
