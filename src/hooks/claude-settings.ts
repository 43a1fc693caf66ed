import type { HOOK_PERMISSIONS } from './dto/hooks.dto.js';

/** Seconds that Claude Code may wait for what is only told. */
const TELL_TIMEOUT_S = 5;
/** What is left of the agent's own time-out when a held hook is given up. */
const MARGIN_S = 10;

const TOLD = [
  'UserPromptSubmit',
  'PostToolUse',
  'PostToolUseFailure',
  'Notification',
  'MessageDisplay',
  'SubagentStart',
  'SubagentStop',
  'PreCompact',
  'Stop',
  'StopFailure',
  'SessionEnd',
];

export interface ClaudeSettings {
  readonly url: string;
  readonly permissions: (typeof HOOK_PERMISSIONS)[number];
  readonly waitS: number;
  readonly workspaceId?: string;
  readonly forwarder: string;
}

/**
 * The hooks of Claude Code as it reads them from its settings: over HTTP, but for `SessionStart`, for which it takes commands only
 * (measured with 2.1.329). The credential is named and never written: `MUSTER_TOKEN` of the agent's environment.
 */
export function claudeSettings({ url, permissions, waitS, workspaceId, forwarder }: ClaudeSettings): { hooks: Record<string, unknown> } {
  const query = (wait: number) => {
    const parameters = new URLSearchParams({
      ...(wait > 0 ? { wait: String(wait) } : {}),
      ...(workspaceId === undefined ? {} : { workspaceId }),
    });
    return parameters.size > 0 ? `?${parameters.toString()}` : '';
  };
  const http = (wait: number) => [
    {
      hooks: [
        {
          type: 'http',
          url: `${url}/api/hooks/claude-code${query(wait)}`,
          headers: { Authorization: 'Bearer $MUSTER_TOKEN', 'X-Muster-Session': '$MUSTER_SESSION_ID' },
          allowedEnvVars: ['MUSTER_TOKEN', 'MUSTER_SESSION_ID'],
          timeout: wait > 0 ? wait + MARGIN_S : TELL_TIMEOUT_S,
        },
      ],
    },
  ];
  const command = `node ${quoted(forwarder)} claude-code${workspaceId === undefined ? '' : ` --workspace ${quoted(workspaceId)}`}`;
  return {
    hooks: {
      SessionStart: [{ hooks: [{ type: 'command', command, timeout: TELL_TIMEOUT_S }] }],
      PreToolUse: http(permissions === 'every-tool' ? waitS : 0),
      ...(permissions === 'request' ? { PermissionRequest: http(waitS) } : {}),
      ...Object.fromEntries(TOLD.map((name) => [name, http(0)])),
    },
  };
}

/** For a shell; `$HOME` in it stays what it is. */
const quoted = (text: string): string => `"${text.replace(/["\\`]/g, '\\$&')}"`;
