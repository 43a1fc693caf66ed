import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, Max, Min } from 'class-validator';
import { IsJsonObject, IsText, Nullable, Optional, QueryBoolean, QueryInt, QueryList } from '../../core/http/validators.js';
import { SESSION_SORTS, type SessionSort } from '../persistence/sessions.repository.js';
import {
  INPUT_STATES,
  type InputState,
  SESSION_ORIGINS,
  SESSION_STATUSES,
  type SessionOrigin,
  type SessionStatus,
} from '../session.types.js';
import { CONTENT_SCHEMA, IsContent } from './content.validator.js';

/** What to list. */
export class ListSessionsQuery {
  /** One status or several, separated by commas. @example ['running', 'idle'] */
  @Optional()
  @QueryList(SESSION_STATUSES)
  status?: SessionStatus[];

  @Optional()
  @IsText({ min: 1, max: 64 })
  mode?: string;

  @Optional()
  @IsText({ min: 1, max: 128 })
  agent?: string;

  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  /** One origin or several, separated by commas. */
  @Optional()
  @QueryList(SESSION_ORIGINS)
  origin?: SessionOrigin[];

  @Optional()
  @IsText({ min: 1, max: 64 })
  parentId?: string;

  @Optional()
  @IsText({ min: 1, max: 64 })
  groupId?: string;

  /** Sessions that go on from this one. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  resumedFromId?: string;

  /** Sessions that branched off this one. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  forkedFromId?: string;

  /** Part of the name, whatever its case. */
  @Optional()
  @IsText({ min: 1, max: 256 })
  q?: string;

  /** Newest first where absent. */
  @Optional()
  @IsIn(SESSION_SORTS)
  sort?: SessionSort;

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

/** What to list of a workspace. */
export class ListWorkspaceSessionsQuery {
  /** One status or several, separated by commas. @example ['running', 'idle'] */
  @Optional()
  @QueryList(SESSION_STATUSES)
  status?: SessionStatus[];

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

/** Which page of a history to read. */
export class HistoryQuery {
  /** `nextCursor` of the page before. */
  @Optional()
  @IsText({ min: 1, max: 1024 })
  cursor?: string;

  /** Rows a page. */
  @QueryInt(1, 200)
  limit: number = 50;
}

/** What to change. Absent fields stay as they are. */
export class PatchSessionRequest {
  @Optional()
  @IsText({ min: 1, max: 256 })
  name?: string;

  /** Replaces the whole. */
  @Optional()
  @IsJsonObject()
  metadata?: Record<string, unknown>;

  /** `null` takes it out of its group. */
  @Nullable()
  @IsText({ min: 1, max: 64 })
  groupId?: string | null;

  /** Refused with 409 where the session has another version by now. Also as `If-Match`. */
  @Optional()
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  version?: number;
}

/** How far the work is. Absent fields stay as they are. */
export class PatchSessionStateRequest {
  /** `null` clears it. @example 'execution' */
  @Nullable()
  @IsText({ min: 1, max: 128 })
  phase?: string | null;

  /** `null` clears it. @example 2 */
  @Nullable()
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  step?: number | null;

  /** Replaces the whole; at most 65,536 characters of JSON. */
  @Optional()
  @IsJsonObject()
  state?: Record<string, unknown>;

  /** Refused with 409 where the session has another version by now. Also as `If-Match`. */
  @Optional()
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  version?: number;
}

/** The next prompt. */
export class SessionInputRequest {
  /** Text, or content blocks of the Agent Client Protocol. */
  @ApiProperty(CONTENT_SCHEMA)
  @IsContent()
  content: string | Record<string, unknown>[];

  /** Cancels the turn under way first. Absent: waits for its end, in order. */
  @Optional()
  @IsBoolean()
  interrupt?: boolean;

  /** A mode the agent offers, from this turn on. */
  @Optional()
  @IsText({ min: 1, max: 128 })
  agentMode?: string;
}

/** Which inputs to list. */
export class ListInputsQuery {
  /** One state or several, separated by commas. @example ['accepted'] */
  @Optional()
  @QueryList(INPUT_STATES)
  state?: InputState[];

  /** `nextCursor` of the page before. */
  @Optional()
  @IsText({ min: 1, max: 1024 })
  cursor?: string;

  /** Rows a page. */
  @QueryInt(1, 200)
  limit: number = 50;
}

export class DeleteSessionQuery {
  /** Ends a live session first. */
  @Optional()
  @QueryBoolean()
  force?: boolean;
}
