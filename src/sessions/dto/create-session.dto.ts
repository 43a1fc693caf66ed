import { ApiProperty } from '@nestjs/swagger';
import { IsArray, IsBoolean, IsIn, ValidateIf } from 'class-validator';
import { IsJsonObject, IsText, Optional } from '../../core/http/validators.js';
import { PERMISSION_POLICIES, type PermissionPolicy, SESSION_ISOLATIONS, type SessionIsolation } from '../session.types.js';
import { CONTENT_SCHEMA, IsContent } from './content.validator.js';
import { IsWorktree, WorktreeRequest } from './worktree.dto.js';

/** A session to start, or (`runtime: "external"`) to report. */
export class CreateSessionRequest {
  /** The workspace to work in. Either this or `projectDir`. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  /** A directory below the allowed roots, where there is no workspace for it. */
  @Optional()
  @IsText({ min: 1, max: 4096 })
  projectDir?: string;

  /** Name of an agent profile (see `GET /api/agents`). Needed unless `runtime` is `external`, or the mode names one. @example 'demo' */
  @ValidateIf(({ runtime, mode, agent }: CreateSessionRequest) => (runtime !== 'external' && mode === undefined) || agent !== undefined)
  @IsText({ min: 1, max: 128 })
  agent?: string;

  /** How it works: a mode of `GET /api/sessions/modes/list`. @example 'one-shot' */
  @Optional()
  @IsText({ min: 1, max: 64 })
  mode?: string;

  /** `external`: somebody else runs the agent and reports its events here. Absent: as the agent's profile says. */
  @Optional()
  @IsIn(['external'])
  runtime?: 'external';

  /** What an external agent is called. @example 'my-bot' */
  @Optional()
  @IsText({ min: 1, max: 128 })
  agentName?: string;

  /** The caller's own id; unique an owner. The session can be named `ext:<externalId>` in paths. */
  @Optional()
  @IsText({ min: 1, max: 256 })
  externalId?: string;

  /** Shown to people. Absent: made from the prompt or the agent. */
  @Optional()
  @IsText({ min: 1, max: 256 })
  name?: string;

  /** The first input: text, or content blocks. */
  @ApiProperty({ required: false, ...CONTENT_SCHEMA })
  @Optional()
  @IsContent()
  prompt?: string | Record<string, unknown>[];

  /** A model the agent offers. */
  @Optional()
  @IsText({ min: 1, max: 256 })
  model?: string;

  /** A mode the agent offers. */
  @Optional()
  @IsText({ min: 1, max: 128 })
  agentMode?: string;

  /** MCP servers for the agent, as in the Agent Client Protocol. */
  @Optional()
  @IsArray()
  @IsJsonObject({ each: true })
  mcpServers?: Record<string, unknown>[];

  /** Who answers the agent's permission requests: people (`ask`), a rule, or nobody. Absent: `ask`. */
  @Optional()
  @IsIn(PERMISSION_POLICIES)
  policy?: PermissionPolicy;

  /** `worktree`: the session works in a git worktree of its own, with a branch of its own. Absent: `none`. @example 'worktree' */
  @Optional()
  @IsIn(SESSION_ISOLATIONS)
  isolation?: SessionIsolation;

  /** How that worktree is made; only with `isolation: "worktree"`. */
  @Optional()
  @IsWorktree()
  worktree?: WorktreeRequest;

  /** `false`: stays `queued` until its first input. */
  @Optional()
  @IsBoolean()
  launch?: boolean;

  /** The session that started this one. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  parentId?: string;

  /** Sessions that belong together. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  groupId?: string;

  /** Kept and given back as it comes. */
  @Optional()
  @IsJsonObject()
  metadata?: Record<string, unknown>;
}
