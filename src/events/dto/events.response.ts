import { ProblemResponse } from '../../core/http/problem.response.js';

/** One event of a session's log. */
export class SessionEventResponse {
  /** 1, 2, 3 … without gaps. @example 17 */
  seq: number;
  /** @example '0b9d9f4e-5a0f-4b1c-9d1e-3a1f0c9e8d7b' */
  id: string;
  /** @example 'message' */
  type: string;
  /** @example 1 */
  turn: number | null;
  /** `acp`, `hook`, `api`, `terminal`, `import` or `system`. @example 'acp' */
  source: string;
  /** @example 'agent:01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  actor: string;
  /** @example '2026-11-20T14:00:05.000Z' */
  occurredAt: string;
  /** @example '2026-11-20T14:00:05.003Z' */
  recordedAt: string;
  nativeId?: string;
  /** By its type, with `{blob, size, mimeType}` in the place of what is too large; null where retention trimmed it. */
  payload: Record<string, unknown> | null;
}

export class EventPageResponse {
  items: SessionEventResponse[];
  /** Where to read on from: how far was looked, also where nothing matched. @example '5f1c3a4b.17' */
  cursor: string;
  /** The same as `cursor` where more is there already, else null. */
  nextCursor: string | null;
  /** Give it as `before` to read what lies before this page; null at the beginning. */
  previousCursor: string | null;
}

export class AppendResultResponse {
  /** @example '0b9d9f4e-5a0f-4b1c-9d1e-3a1f0c9e8d7b' */
  id?: string;
  /** @example 17 */
  seq?: number;
  /** It was there already. @example false */
  duplicate?: boolean;
  /** Why this one was refused. */
  error?: ProblemResponse;
}

export class AppendEventsResponse extends AppendResultResponse {
  /** One an event, in order, where `events` was sent. */
  results?: AppendResultResponse[];
}

/** One domain event. */
export class FeedEventResponse {
  /** 1, 2, 3 … without gaps. @example 42 */
  position: number;
  /** @example 'session.created' */
  name: string;
  workspaceId: string | null;
  sessionId: string | null;
  ownerId: string | null;
  /** @example 'admin' */
  actor: string;
  /** @example '2026-11-20T14:00:00.000Z' */
  occurredAt: string;
  /** Of the request that caused it; null: none did. */
  requestId: string | null;
  data: Record<string, unknown>;
}

export class FeedPageResponse {
  items: FeedEventResponse[];
  /** Where to read on from. @example '0a1b2c3d.42' */
  cursor: string;
  nextCursor: string | null;
}
