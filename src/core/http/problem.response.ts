/** One wrong place of an input. */
export class InputIssueResponse {
  /** @example 'events[3].payload.text' */
  path: string;
  /** @example 'must be a string' */
  message: string;
}

/** RFC 9457 problem details. */
export class ProblemResponse {
  /** @example 'about:blank' */
  type: string;
  /** @example 'Not Found' */
  title: string;
  /** @example 404 */
  status: number;
  /** Stable; prose is never parsed. @example 'session_not_found' */
  code: string;
  /** For people. @example 'There is no session 01998c7e-0000.' */
  detail: string;
  /** What can be done about it. */
  remedy?: string;
  /** Where the input is wrong. */
  issues?: InputIssueResponse[];
  /** Facts for programs. */
  context?: Record<string, unknown>;
  /** The same as in the header `X-Request-Id` and in the log. */
  requestId?: string;
}
