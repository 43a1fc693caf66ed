import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { eventually } from './eventually.js';

/** A client of agent-orchestrator: it knows a base URL, its routes and its frames, and nothing of this server. */
export class AoClient {
  constructor(
    readonly base: string,
    private readonly headers: Record<string, string> = {},
  ) {}

  static withKey(url: string, key: string): AoClient {
    return new AoClient(`${url}/compat/agent-orchestrator`, { authorization: `Bearer ${key}` });
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: any; headers: Headers }> {
    const raw = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(this.base + path, {
      method,
      headers: { ...this.headers, ...(raw === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: raw,
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
  }

  get = (path: string) => this.call('GET', path);
  post = (path: string, body?: unknown) => this.call('POST', path, body);

  socket(headers: Record<string, string> = {}): Promise<AoSocket> {
    return AoSocket.connect(`${this.base.replace(/^http/, 'ws')}/ws`, { ...this.headers, ...headers });
  }
}

/** What came over their WebSocket, in order. */
export class AoSocket {
  readonly frames: any[] = [];
  closed: number | undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.frames.push(JSON.parse(data.toString())));
    socket.on('close', (code) => (this.closed = code));
    socket.on('error', () => undefined);
  }

  /** Resolves with `init`. @throws Error that begins with the status where the upgrade is refused */
  static async connect(url: string, headers: Record<string, string>): Promise<AoSocket> {
    const socket = new WebSocket(url, { headers });
    const client = new AoSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('unexpected-response', (_request, response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => reject(new Error(`${response.statusCode} ${text}`)));
      });
      socket.once('error', reject);
    });
    await client.until((frames) => frames.length > 0);
    return client;
  }

  get init(): any[] {
    return this.frames[0].sessions;
  }

  /** Frames behind `init`. */
  get told(): any[] {
    return this.frames.slice(1);
  }

  until(accept: (frames: any[]) => boolean): Promise<any[]> {
    return eventually(() => this.frames, accept);
  }

  untilTold(count: number): Promise<any[]> {
    return eventually(
      () => this.told,
      (told) => told.length >= count,
    );
  }

  async close(): Promise<void> {
    this.socket.close();
    await eventually(() => this.closed !== undefined);
  }
}

/** Every key of a row and of an event as it is read back, in no order. */
export const SESSION_KEYS = ['agent_name', 'created_at', 'last_resumed_at', 'project_dir', 'session_id', 'session_name', 'status'];
export const FIELD_KEYS = ['content', 'error', 'exit_code', 'reason', 'role', 'tool_input', 'tool_name', 'tool_output'];
export const STORED_KEYS = ['event_type', 'id', 'session_id', 'timestamp', ...FIELD_KEYS].sort();
export const TOLD_KEYS = ['event_type', 'session_id', 'session_name', 'timestamp', ...FIELD_KEYS].sort();
export const keysOf = (value: object): string[] => Object.keys(value).sort();

let clock = Date.UTC(2025, 11, 1);
/** As Python writes the time, later each time. */
export const stamp = (): string => new Date((clock += 1_000)).toISOString().replace('Z', '456+00:00');

/** An event as a client sends it. */
export const aoEvent = (sessionId: string, eventType: string, fields: object = {}) => ({
  event_type: eventType,
  session_id: sessionId,
  session_name: `name-of-${sessionId}`,
  timestamp: stamp(),
  ...fields,
});
export const text = (value: string) => [{ type: 'text', text: value }];

/** What an event says of itself where nothing was said. */
export const AO_SILENT = {
  tool_name: null,
  tool_input: null,
  tool_output: null,
  error: null,
  exit_code: null,
  reason: null,
  role: null,
  content: null,
};

/** What tests of the contract do again and again. */
export function aoCalls(client: () => AoClient) {
  const newId = (): string => `ao-${randomUUID()}`;
  return {
    newId,
    make: async (fields: object = {}): Promise<string> => {
      const id = newId();
      const { status } = await client().post('/sessions', { session_id: id, session_name: `name-of-${id}`, ...fields });
      expect(status).toBe(200);
      return id;
    },
    send: async (id: string, eventType: string, fields: object = {}): Promise<void> => {
      const answer = await client().post(`/sessions/${id}/events`, aoEvent(id, eventType, fields));
      expect([answer.status, answer.body]).toEqual([200, { ok: true }]);
    },
    statusOf: async (id: string) => (await client().get(`/sessions/${id}/status`)).body,
    refused: async (method: string, path: string, body?: unknown) => {
      const { status, body: answer } = await client().call(method, path, body);
      return [status, answer];
    },
  };
}
