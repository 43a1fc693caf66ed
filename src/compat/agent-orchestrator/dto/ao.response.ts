import { ApiProperty } from '@nestjs/swagger';

/** One wrong place. */
const ISSUE = {
  type: 'object',
  required: ['loc', 'msg', 'type'],
  properties: {
    loc: { type: 'array', items: { oneOf: [{ type: 'string' }, { type: 'integer' }] } },
    msg: { type: 'string' },
    type: { type: 'string' },
  },
};

/** A failure. */
export class AoErrorResponse {
  /** A text; where the input is wrong, a list. */
  @ApiProperty({ oneOf: [{ type: 'string' }, { type: 'array', items: ISSUE }] })
  detail: unknown;
}

export class AoSessionRow {
  /** @example 'test-123' */
  session_id: string;
  /** @example 'test' */
  session_name: string;
  /** `running` or `finished`. @example 'running' */
  status: string;
  /** @example '2026-11-20T14:00:00.000000+00:00' */
  created_at: string;
  project_dir: string | null;
  agent_name: string | null;
  last_resumed_at: string | null;
}

export class AoSessionResponse {
  session: AoSessionRow;
}

export class AoSessionListResponse {
  sessions: AoSessionRow[];
}

export class AoSessionChangedResponse {
  /** @example true */
  ok: boolean;
  session: AoSessionRow;
}

export class AoStatusResponse {
  /** `running`, `finished` or `not_existent`. @example 'running' */
  status: string;
}

export class AoResultResponse {
  /** @example 'Hello' */
  result: string;
}

export class AoOkResponse {
  /** @example true */
  ok: boolean;
}

export class AoEventRow {
  /** Increases within the session. @example 2 */
  id: number;
  /** @example 'test-123' */
  session_id: string;
  /** @example 'message' */
  event_type: string;
  /** As it was sent. @example '2024-01-01T00:00:00Z' */
  timestamp: string;
  tool_name: string | null;
  tool_input: Record<string, unknown> | null;
  /** Any JSON. */
  tool_output: Record<string, unknown> | null;
  error: string | null;
  exit_code: number | null;
  reason: string | null;
  role: string | null;
  content: Record<string, unknown>[] | null;
}

export class AoEventListResponse {
  events: AoEventRow[];
}

export class AoDeletedCounts {
  /** @example true */
  session: boolean;
  /** @example 42 */
  events_count: number;
}

export class AoDeletedResponse {
  /** @example true */
  ok: boolean;
  /** @example 'test-123' */
  session_id: string;
  deleted: AoDeletedCounts;
}

export class AoStoppedResponse {
  /** @example true */
  ok: boolean;
  /** @example 'test-123' */
  session_id: string;
  /** @example 'test' */
  session_name: string;
  /** `stopped`, `stopping`, or `finished` where it was before. @example 'stopped' */
  status: string;
}

export class AoHealthResponse {
  /** @example 'healthy' */
  status: string;
}
