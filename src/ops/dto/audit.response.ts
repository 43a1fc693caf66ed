export class AuditTargetResponse {
  /** `session`, `approval`, `workspace`, `key` or `browser`. @example 'session' */
  kind: string;
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string | null;
}

/** Who did what to what, when and by which request. */
export class AuditEntryResponse {
  /** Its place in the feed. Those of other callers' entries lie in between. @example 42 */
  position: number;
  /** @example '2026-11-20T14:00:00.000Z' */
  at: string;
  /** The principal; `system`: the server itself. @example 'user:ada' */
  actor: string;
  /** The name of the domain event. @example 'session.updated' */
  action: string;
  target: AuditTargetResponse;
  workspaceId: string | null;
  sessionId: string | null;
  /** As in the header `X-Request-Id` of its answer; null: no request caused it. */
  requestId: string | null;
  /** What was, as far as the act is about it. */
  before?: Record<string, unknown>;
  /** What is since then, or what was asked for. */
  after?: Record<string, unknown>;
}

export class AuditPageResponse {
  items: AuditEntryResponse[];
  /** Where to read on from: how far was looked, also where nothing matched. @example '0a1b2c3d.42' */
  cursor: string;
  /** The same as `cursor` where more is there already, else null. A page may be short of `limit`, or empty, and yet have a next one. */
  nextCursor: string | null;
}
