import { Agent, type IncomingMessage, request } from 'node:http';

/** No answer, or half of one: whether the server did what it was asked is not known. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** The code of an error of Node, also of one that comes from another realm, as in a test. */
export const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The `code` of a problem, or the status. */
  readonly code: string;
}

/** HTTP over connections that are kept, as clients do; each answer as the text it came as. */
export class HttpClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 });

  constructor(
    private readonly url: () => string,
    private readonly key: () => string,
  ) {}

  /** @throws NoAnswerError with what happened instead */
  async call(method: string, path: string, body?: unknown, timeoutMs = 2_000): Promise<Answer> {
    const response = await this.send(method, path, {}, body, timeoutMs);
    const chunks: Buffer[] = [];
    const text = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => response.destroy(new NoAnswerError('time-out')), timeoutMs);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      response.on('error', (error) => reject(new NoAnswerError(codeOf(error) ?? error.message)));
      response.on('close', () => {
        clearTimeout(timer);
        reject(new NoAnswerError('closed'));
      });
    });
    const { statusCode: status = 0 } = response;
    return { status, text, code: status < 400 ? String(status) : problemCode(text, status) };
  }

  /** A response whose body is still to come. @throws NoAnswerError */
  send(method: string, path: string, headers: Record<string, string>, body?: unknown, timeoutMs = 2_000): Promise<IncomingMessage> {
    const data = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const asked = request(this.url() + path, {
        method,
        agent: this.agent,
        headers: {
          authorization: `Bearer ${this.key()}`,
          ...(data === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(data) }),
          ...headers,
        },
      });
      const timer = setTimeout(() => asked.destroy(new NoAnswerError('time-out')), timeoutMs);
      asked.on('response', (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      asked.on('error', (error) => {
        clearTimeout(timer);
        reject(new NoAnswerError(codeOf(error) ?? error.message));
      });
      asked.end(data);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

function problemCode(text: string, status: number): string {
  try {
    const problem: { code?: unknown } = JSON.parse(text);
    return typeof problem.code === 'string' ? problem.code : String(status);
  } catch {
    return String(status);
  }
}
