import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { DomainError } from '../errors/domain.error.js';
import type { ErrorShape } from '../errors/error-shapes.service.js';
import { problemOf } from '../errors/problem.js';
import { newId } from '../ids.js';

/** Answers a request to upgrade with HTTP, in the form that failures have at its path; then the connection ends. */
export function refuseUpgrade(request: IncomingMessage, socket: Duplex, error: unknown, shape: ErrorShape): void {
  const problem = problemOf(error, newId());
  const { status, mediaType, body: form } = shape(problem);
  const body = JSON.stringify(form);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? problem.title}`,
    'Connection: close',
    `Content-Type: ${mediaType}; charset=utf-8`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${problem.requestId}`,
    ...(error instanceof DomainError && error.details.retryAfterS !== undefined ? [`Retry-After: ${error.details.retryAfterS}`] : []),
    ...(problem.status === 401 ? ['WWW-Authenticate: Bearer realm="muster"'] : []),
  ];
  request.resume();
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
