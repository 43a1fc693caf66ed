/** A session that somebody runs. */
export class AoSessionCreateRequest {
  /** @example 'test-123' */
  session_id: string;
  /** @example 'test' */
  session_name: string;
  /** @example '/tmp' */
  project_dir?: string | null;
  agent_name?: string | null;
}

/** What to change. Absent and null fields stay as they are. */
export class AoSessionMetadataRequest {
  session_name?: string | null;
  project_dir?: string | null;
  agent_name?: string | null;
  /** Its agent goes on: the session is running again. ISO 8601. */
  last_resumed_at?: string | null;
}

/** What happened in a session. */
export class AoEventRequest {
  /** `session_start`, `session_stop`, `pre_tool`, `post_tool` or `message`. @example 'message' */
  event_type: string;
  /** @example 'test-123' */
  session_id: string;
  /** @example 'test' */
  session_name: string;
  /** ISO 8601. @example '2024-01-01T00:00:00Z' */
  timestamp: string;
  tool_name?: string | null;
  tool_input?: Record<string, unknown> | null;
  /** Any JSON. */
  tool_output?: Record<string, unknown> | null;
  error?: string | null;
  exit_code?: number | null;
  reason?: string | null;
  /** `user` or `assistant`. @example 'assistant' */
  role?: string | null;
  /** Blocks `{type: "text", text}`; a text is taken too. */
  content?: Record<string, unknown>[] | null;
}
