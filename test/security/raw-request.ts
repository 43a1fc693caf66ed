import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface RawRequest {
  readonly method: string;
  /** Sent as it is: nothing is normalised. */
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const WAIT_MS = 15_000;

/** One HTTP request whose path goes out as it is written. Of a stream only the first piece is read. */
export function rawRequest(url: string, { method, path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const entity = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, agent, headers: { ...entity, ...headers }, timeout: WAIT_MS }, (response) => {
      const chunks: Buffer[] = [];
      const done = () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() });
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (!response.headers['content-type']?.startsWith('text/event-stream')) return;
        done();
        response.destroy();
      });
      response.on('end', done);
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path} was not answered within ${WAIT_MS} ms`)));
    sent.on('error', reject);
    sent.end(text);
  });
}

/** Asks for a WebSocket; 101 where it is given, which is then closed at once. */
export function rawUpgrade(url: string, { path, headers = {} }: Pick<RawRequest, 'path' | 'headers'>): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, headers: { ...upgrade, ...headers }, agent: false, timeout: WAIT_MS });
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: '' });
    });
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error(`The upgrade at ${path} was not answered within ${WAIT_MS} ms`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** Ends what is kept open. */
export const closeRawConnections = (): void => agent.destroy();
