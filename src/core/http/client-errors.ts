import { STATUS_CODES, type Server } from 'node:http';
import { EdgeError } from '../errors/domain.error.js';
import { problemOf } from '../errors/problem.js';
import { newId } from '../ids.js';

/** What Node's parser gives up on, as it names it. */
const KNOWN: Readonly<Record<string, readonly [number, string, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout', 'The request did not come in time.'],
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large', 'The headers have more than 16 KiB.'],
};

/** What is no HTTP never reaches a route; it is answered in the same form, and its connection ends. */
export function answerClientErrors(server: Server, headers: Readonly<Record<string, string>>): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const isAnswering = '_httpMessage' in socket && Boolean(socket._httpMessage);
    if (!socket.writable || isAnswering || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const [status, code, text] = KNOWN[error.code ?? ''] ?? [400, 'bad_request', 'This is not HTTP.'];
    const problem = problemOf(new EdgeError(code, status, text), newId());
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? problem.title}`,
      'Connection: close',
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${problem.requestId}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.once('finish', () => socket.destroy());
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}
