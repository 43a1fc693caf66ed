import { IsIn } from 'class-validator';
import { IsText, Optional, QueryInt } from '../../core/http/validators.js';

/** How a hook is taken. */
export class HookQuery {
  /** Seconds for which a hook that asks (`PermissionRequest`, `PreToolUse`) may be held until people have answered. 0: nobody is asked. */
  @QueryInt(0, 3_600)
  wait: number = 0;

  /** The workspace of a session that is made. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;
}

export const HOOK_PERMISSIONS = ['request', 'every-tool', 'none'] as const;

/** What settings to make. */
export class HookSettingsQuery {
  /** What people are asked in Muster: what the agent itself would ask, every tool call, or nothing. */
  @Optional()
  @IsIn(HOOK_PERMISSIONS)
  permissions?: (typeof HOOK_PERMISSIONS)[number];

  /** Seconds for which people have time; then the agent asks in its own terminal. */
  @QueryInt(1, 3_600)
  wait: number = 590;

  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  /** Where the forwarder lies on the machine of the agent. */
  @Optional()
  @IsText({ min: 1, max: 1_024 })
  forwarder?: string;
}

/** As the agent sends it. Fields that are not known are kept. */
export class HookPayload {
  /** The agent's own id of the conversation. @example '075482c6-651d-44a3-9456-7c08b9d17ce4' */
  session_id?: string;
  /** @example 'PreToolUse' */
  hook_event_name?: string;
  /** @example '/home/me/project' */
  cwd?: string;
  /** @example 'Bash' */
  tool_name?: string;
  tool_input?: Record<string, unknown>;
}
