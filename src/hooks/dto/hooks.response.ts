/** Empty: the agent goes on by itself. Else what people decided, in the agent's own form. */
export class HookAnswerResponse {
  hookSpecificOutput?: Record<string, unknown>;
}

/** A settings file of Claude Code. */
export class HookSettingsResponse {
  hooks: Record<string, unknown>;
}
