import { WebSocket } from 'ws';
import type { ItemOutcome, SentItem, WriteVia } from '../history/operation.types.js';
import { type HttpClient, NoAnswerError } from './http-client.js';
import { allOf, outcomeOf, type WireResult } from './outcome.js';

/** An event as it goes over the wire, with what the history knows of it. */
export interface Outgoing extends SentItem {
  readonly type: string;
  readonly payload: Record<string, unknown>;
}

/** One way to append; never throws: what is not known is `info`. */
export interface Sender {
  readonly via: WriteVia;
  send(session: string, items: readonly Outgoing[]): Promise<ItemOutcome[]>;
  close(): void;
}

const wire = ({ id, type, payload }: Outgoing) => ({ id, type, payload });

/** `POST …/events`, one event a request or many. */
export class HttpSender implements Sender {
  constructor(
    readonly via: 'http' | 'batch',
    private readonly http: HttpClient,
    private readonly timeoutMs: number,
  ) {}

  async send(session: string, items: readonly Outgoing[]): Promise<ItemOutcome[]> {
    const [first] = items;
    const body = this.via === 'http' && first ? wire(first) : { events: items.map(wire) };
    try {
      const { status, text, code } = await this.http.call('POST', `/api/sessions/${session}/events`, body, this.timeoutMs);
      if (status >= 400) return allOf(items, status, code);
      const answer: WireResult & { results?: WireResult[] } = JSON.parse(text);
      const results = this.via === 'http' ? [answer] : (answer.results ?? []);
      return items.map((item, at) => outcomeOf(item, results[at] ?? {}));
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      return allOf(items, 0, error.message);
    }
  }

  close(): void {
    this.http.close();
  }
}

interface Pending {
  readonly items: readonly Outgoing[];
  readonly resolve: (outcomes: ItemOutcome[]) => void;
  readonly timer: NodeJS.Timeout;
}

interface ReplyFrame {
  readonly type: string;
  readonly id?: string;
  readonly code?: string;
  readonly status?: number;
  readonly data?: { readonly results?: readonly WireResult[] };
}

/** `append` frames over one WebSocket, many at once; a new one is opened when it breaks. */
export class SocketSender implements Sender {
  readonly via = 'ws';
  private readonly pending = new Map<string, Pending>();
  private socket: WebSocket | undefined;
  private opening: Promise<WebSocket> | undefined;
  private frames = 0;

  constructor(
    private readonly url: () => string,
    private readonly key: () => string,
    private readonly timeoutMs: number,
  ) {}

  async send(session: string, items: readonly Outgoing[]): Promise<ItemOutcome[]> {
    const socket = await this.open().catch(() => undefined);
    if (!socket) return allOf(items, 0, 'not connected');
    const id = `a${++this.frames}`;
    return new Promise((resolve) => {
      // Who gives up on an answer gives up on the connection too.
      const timer = setTimeout(() => socket.terminate(), this.timeoutMs);
      this.pending.set(id, { items, resolve, timer });
      socket.send(JSON.stringify({ type: 'append', id, sessionId: session, events: items.map(wire) }));
    });
  }

  close(): void {
    this.socket?.terminate();
  }

  private open(): Promise<WebSocket> {
    if (this.socket?.readyState === WebSocket.OPEN) return Promise.resolve(this.socket);
    this.opening ??= this.connect().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private connect(): Promise<WebSocket> {
    const socket = new WebSocket(`${this.url().replace(/^http/, 'ws')}/api/ws`, {
      headers: { authorization: `Bearer ${this.key()}` },
      handshakeTimeout: this.timeoutMs,
    });
    return new Promise((resolve, reject) => {
      socket.on('open', () => {
        this.socket = socket;
        resolve(socket);
      });
      socket.on('error', reject);
      socket.on('message', (data: Buffer) => this.take(JSON.parse(data.toString())));
      socket.on('close', () => {
        reject(new NoAnswerError('closed'));
        if (this.socket === socket) this.lose('closed');
      });
    });
  }

  private take(frame: ReplyFrame): void {
    const pending = frame.id === undefined ? undefined : this.pending.get(frame.id);
    if (!pending || frame.id === undefined) return;
    this.pending.delete(frame.id);
    clearTimeout(pending.timer);
    const results = frame.data?.results;
    pending.resolve(
      frame.type === 'reply' && results
        ? pending.items.map((item, at) => outcomeOf(item, results[at] ?? {}))
        : allOf(pending.items, frame.status ?? 0, frame.code ?? 'no reply'),
    );
  }

  private lose(code: string): void {
    this.socket = undefined;
    const lost = [...this.pending.values()];
    this.pending.clear();
    for (const { items, resolve, timer } of lost) {
      clearTimeout(timer);
      resolve(allOf(items, 0, code));
    }
  }
}
