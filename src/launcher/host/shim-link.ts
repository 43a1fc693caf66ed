import { connect, type Socket } from 'node:net';
import { deferred } from '../../core/deferred.js';
import { LineSplitter } from '../../core/process/line-splitter.js';
import { AgentGoneError, type SpoolRecord } from './agent-host.types.js';
import {
  type CommandName,
  type CommandParams,
  errorOf,
  type FromServer,
  fromShim,
  MAX_LINE_BYTES,
  SHIM_VERSION,
  type Welcome,
} from './shim/shim-protocol.js';

/** A shim that does not answer a hello in this time is none. */
const HELLO_WAIT_MS = 10_000;

/** The shim answers, and wants nothing to do with us. */
export class ShimRefusedError extends Error {
  override readonly name = 'ShimRefusedError';
}

/** One connection to a shim. Where it breaks, what was asked over it rejects with {@link LinkLostError}. */
export class ShimLink {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  onRecords: (records: SpoolRecord[]) => void = () => undefined;
  private readonly splitter = new LineSplitter(MAX_LINE_BYTES);
  private readonly greeted = deferred<Welcome>();
  private readonly asked = new Map<number, { resolve: (result: unknown) => void; reject: (error: unknown) => void }>();
  private lastId = 0;

  private constructor(private readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => this.splitter.push(chunk).forEach(({ text }) => this.take(text)));
    void this.closed.then(() => {
      const error = new LinkLostError('the connection to the shim is gone');
      this.greeted.reject(error);
      this.asked.forEach(({ reject }) => reject(error));
    });
  }

  /** @throws Error of the operating system, ShimRefusedError, LinkLostError */
  static async open(path: string, token: string): Promise<{ link: ShimLink; welcome: Welcome }> {
    const socket = connect(path);
    const link = new ShimLink(socket);
    const failed = new Promise<never>((_, reject) => socket.on('error', reject));
    failed.catch(() => undefined);
    link.greeted.promise.catch(() => undefined);
    const late = setTimeout(() => socket.destroy(), HELLO_WAIT_MS).unref();
    try {
      link.say({ type: 'hello', version: SHIM_VERSION, token });
      return { link, welcome: await Promise.race([link.greeted.promise, failed]) };
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  read(after: number): void {
    this.say({ type: 'read', after });
  }

  acknowledge(n: number, keepFrom: number): void {
    this.say({ type: 'ack', n, keepFrom });
  }

  /** @throws AgentRequestError, AgentGoneError, LinkLostError */
  request<N extends CommandName>(name: N, params: CommandParams<N>): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new LinkLostError('the connection to the shim is gone'));
      this.asked.set(id, { resolve, reject });
      this.say({ type: 'request', id, name, params });
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private say(message: FromServer): void {
    if (this.socket.writable) this.socket.write(`${JSON.stringify(message)}\n`);
  }

  private take(line: string): void {
    const message = parsed(line);
    switch (message?.type) {
      case 'welcome':
        return this.greeted.resolve(message);
      case 'refused':
        return this.greeted.reject(new ShimRefusedError(message.reason));
      case 'records':
        return this.onRecords(message.records);
      case 'reply': {
        const { id, result, failure } = message;
        const waiting = this.asked.get(id);
        this.asked.delete(id);
        return failure ? waiting?.reject(errorOf(failure)) : waiting?.resolve(result);
      }
      default:
        return this.close();
    }
  }
}

/** Whether it was carried out is not known. */
export class LinkLostError extends AgentGoneError {}

function parsed(line: string) {
  try {
    return fromShim.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
