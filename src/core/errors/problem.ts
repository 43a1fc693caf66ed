import { DomainError, type ErrorKind, type InputIssue } from './domain.error.js';
import { storageErrorOf } from './storage.errors.js';

export const STATUS_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  unavailable: 503,
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};

/** RFC 9457 problem details, with a stable `code`. The one form of a failure on HTTP, WebSocket (`error` frame) and SSE. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly remedy?: string;
  readonly issues?: InputIssue[];
  readonly context?: Record<string, unknown>;
  readonly requestId?: string;
}

/**
 * What anything thrown looks like to a caller. What is neither a {@link DomainError} nor a failure of the database's surroundings is a
 * fault of ours: 500, and its text stays inside.
 */
export function problemOf(thrown: unknown, requestId?: string): Problem {
  const error = storageErrorOf(thrown) ?? thrown;
  const known = error instanceof DomainError;
  const status = known ? (error.details.status ?? STATUS_OF_KIND[error.kind]) : 500;
  return {
    type: 'about:blank',
    title: TITLES[status] ?? 'Error',
    status,
    code: known ? error.code : 'internal_error',
    detail: known ? error.message : 'Something went wrong on the server. The log holds the reason under this request id.',
    ...(known && error.details.remedy ? { remedy: error.details.remedy } : {}),
    ...(known && error.details.issues ? { issues: [...error.details.issues] } : {}),
    ...(known && error.details.context ? { context: { ...error.details.context } } : {}),
    ...(requestId ? { requestId } : {}),
  };
}
