import { WebSocket } from 'ws';
import { checkedFrame, checkReply, type Frame } from './frames.js';

export interface WsClientOptions {
  /** Sent with the upgrade. */
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly path?: string;
  /** Whether frames are kept in {@link WsClient.frames}; off for very long runs. */
  readonly isRecording?: boolean;
  /** Answers no ping. */
  readonly isDeaf?: boolean;
}

interface Waiting {
  readonly look: () => boolean;
  readonly fail: (error: Error) => void;
}

const WAIT_MS = 20_000;

/** A real WebSocket client: records every frame, checks each against the schemas, and knows its cursors. */
export class WsClient {
  readonly frames: Frame[] = [];
  /** The last cursor of each session, and that of the feed. */
  readonly cursors = new Map<string, string>();
  /** Every event received, by session, over all its connections; a gap, a duplicate or a wrong order throws. */
  readonly seqs = new Map<string, number[]>();
  feedCursor: string | undefined;
  closed: { code: number; reason: string } | undefined;
  private problem: Error | undefined;
  private socket: WebSocket | undefined;
  private nextId = 1;
  private readonly waiting = new Set<Waiting>();

  private constructor(
    private readonly url: string,
    private readonly options: WsClientOptions,
  ) {}

  /** Resolves when the socket is open (and said hello, where it has a key). `url` is that of the server, as http. */
  static async connect(url: string, options: WsClientOptions = {}): Promise<WsClient> {
    const client = new WsClient(url, options);
    await client.reconnect();
    return client;
  }

  /** The answer to an upgrade that is refused. */
  static refused(url: string, { headers = {}, path = '/api/ws', key }: WsClientOptions = {}): Promise<{ status: number; body: any }> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url.replace(/^http/, 'ws') + path, {
        headers: { ...headers, ...(key ? { authorization: `Bearer ${key}` } : {}) },
      });
      socket.on('open', () => (socket.terminate(), reject(new Error('The upgrade was not refused.'))));
      socket.on('error', () => undefined);
      socket.on('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }));
      });
    });
  }

  /** Opens a new socket; what was received so far stays. */
  async reconnect(): Promise<void> {
    const { headers = {}, path = '/api/ws', key, isDeaf = false } = this.options;
    const socket = new WebSocket(this.url.replace(/^http/, 'ws') + path, {
      headers: { ...headers, ...(key ? { authorization: `Bearer ${key}` } : {}) },
      autoPong: !isDeaf,
    });
    this.socket = socket;
    this.closed = undefined;
    const from = this.frames.length;
    let hello = false;
    socket.on('message', (data: Buffer) => {
      if (this.socket !== socket) return;
      try {
        const frame = checkedFrame(data.toString());
        hello ||= frame.type === 'hello';
        this.take(frame);
      } catch (error) {
        this.problem = error instanceof Error ? error : new Error(String(error));
      }
      this.lookAgain();
    });
    socket.on('close', (code, reason) => {
      if (this.socket === socket) this.closed = { code, reason: reason.toString() };
      this.lookAgain();
    });
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('error', () => undefined);
    if (key) await this.until(() => hello || this.frames.slice(from).some(({ type }) => type === 'hello'), 'hello');
  }

  send(frame: object): void {
    this.socket?.send(JSON.stringify(frame));
  }

  sendRaw(data: string | Buffer): void {
    this.socket?.send(data);
  }

  /** Sends a frame with a new id; gives what answers it: `reply`, `error`, `pong`, `hello` or `resync_required`. */
  async request(frame: { type: string; [field: string]: unknown }): Promise<Frame> {
    const id = `r${this.nextId++}`;
    let answer: Frame | undefined;
    const unlisten = this.onFrame((each) => {
      if (each.id === id) answer = each;
    });
    try {
      this.send({ ...frame, id });
      await this.until(() => answer !== undefined, `an answer to ${frame.type}`);
    } finally {
      unlisten();
    }
    if (!answer) throw new Error('unreachable');
    checkReply(frame, answer);
    return answer;
  }

  private readonly listeners = new Set<(frame: Frame) => void>();
  onFrame(listener: (frame: Frame) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The first frame, received or to come, that `accept` accepts. */
  async frame(accept: (frame: Frame) => boolean, what = 'a frame', from = 0): Promise<Frame> {
    let found: Frame | undefined;
    await this.until(() => (found ??= this.frames.slice(from).find(accept)) !== undefined, what);
    if (!found) throw new Error('unreachable');
    return found;
  }

  /** Resolves when `test` holds; looks after each frame and at the close. */
  until(test: () => boolean, what = 'a condition', timeoutMs = WAIT_MS): Promise<void> {
    if (this.problem) return Promise.reject(this.problem);
    if (test()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const last = () =>
        this.frames
          .slice(-5)
          .map((frame) => JSON.stringify(frame).slice(0, 300))
          .join('\n');
      const timer = setTimeout(
        () =>
          waiting.fail(new Error(`No ${what} within ${timeoutMs} ms (closed: ${JSON.stringify(this.closed)}). Last frames:\n${last()}`)),
        timeoutMs,
      );
      const waiting: Waiting = {
        look: () => {
          if (!test()) return false;
          clearTimeout(timer);
          resolve();
          return true;
        },
        fail: (error) => {
          clearTimeout(timer);
          this.waiting.delete(waiting);
          reject(error);
        },
      };
      this.waiting.add(waiting);
    });
  }

  /** The events of a session in the order in which they came. */
  events(sessionId: string): Frame[] {
    return this.frames.flatMap((frame) => (frame.type === 'events' && frame.sessionId === sessionId ? frame.events : []));
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closed !== undefined, 'close');
  }

  /** Takes nothing more off the wire. */
  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }

  /** Cuts the connection without a word, as a lost network does. */
  destroy(): void {
    const { socket } = this;
    this.socket = undefined;
    socket?.terminate();
  }

  async close(): Promise<void> {
    if (!this.socket || this.closed) return;
    this.socket.close();
    await this.untilClosed();
  }

  private take(frame: Frame): void {
    if (this.options.isRecording ?? true) this.frames.push(frame);
    if (frame.type === 'events') this.takeEvents(frame);
    if (frame.type === 'feed') this.feedCursor = frame.cursor;
    if (frame.type === 'access_withdrawn' && frame.sessionId !== undefined) this.forget(frame.sessionId);
    this.listeners.forEach((listener) => listener(frame));
  }

  /** Where it comes into sight again, it begins again. */
  private forget(sessionId: string): void {
    this.cursors.delete(sessionId);
    this.seqs.delete(sessionId);
  }

  private takeEvents({ sessionId, prev, cursor, events }: Frame): void {
    const seqs = this.seqs.get(sessionId) ?? [];
    this.seqs.set(sessionId, seqs);
    const known = this.cursors.get(sessionId);
    const last = seqs.at(-1);
    if (known !== undefined && last !== undefined && prev !== last)
      throw new Error(`A frame of ${sessionId} follows ${prev}; the last event was ${last}.`);
    for (const { seq } of events) {
      const before = seqs.at(-1) ?? prev;
      if (seq !== before + 1) throw new Error(`After ${before} of ${sessionId} came ${seq}.`);
      seqs.push(seq);
    }
    this.cursors.set(sessionId, cursor);
  }

  private lookAgain(): void {
    for (const each of [...this.waiting]) {
      if (this.problem) each.fail(this.problem);
      else if (each.look()) this.waiting.delete(each);
    }
  }
}
