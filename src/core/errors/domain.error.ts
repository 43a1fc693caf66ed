/** The kinds of failure a caller can tell apart. Each has one HTTP status, one WebSocket answer and one SSE answer. */
export type ErrorKind = 'invalid_input' | 'not_found' | 'conflict' | 'forbidden' | 'unauthenticated' | 'unavailable';

/** One wrong place in an input: `path` as in `events[3].payload.text`. */
export interface InputIssue {
  readonly path: string;
  readonly message: string;
}

export interface ErrorDetails {
  /** What can be done about it, for a person. */
  readonly remedy?: string;
  readonly issues?: readonly InputIssue[];
  /** Facts for a program, JSON-safe and free of secrets. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** A narrower HTTP status than the kind's own (413, 415, 429). */
  readonly status?: number;
  /** Seconds after which trying again makes sense; becomes `Retry-After`. */
  readonly retryAfterS?: number;
}

/** A failure that belongs to the API: `code` is stable, the message is for people and never parsed. */
export abstract class DomainError extends Error {
  abstract readonly code: string;
  abstract readonly kind: ErrorKind;
  constructor(
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** Input that does not have the declared form. */
export class InvalidInputError extends DomainError {
  readonly code: string = 'invalid_input';
  readonly kind = 'invalid_input';
}

/** The way to the route itself is wrong (no such route, wrong method, wrong media type, body too large). */
export class EdgeError extends DomainError {
  readonly kind: ErrorKind;
  constructor(
    readonly code: string,
    status: number,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, { ...details, status });
    this.kind = status === 404 ? 'not_found' : status === 403 ? 'forbidden' : status >= 500 ? 'unavailable' : 'invalid_input';
  }
}

/** The server is stopping or overloaded: nothing was done, the same call may be sent again. */
export class UnavailableError extends DomainError {
  readonly code: string = 'unavailable';
  readonly kind = 'unavailable';
}

/** Whether the same call may be sent again, as it is. */
export const isUnavailable = (error: unknown): boolean => error instanceof DomainError && error.kind === 'unavailable';
