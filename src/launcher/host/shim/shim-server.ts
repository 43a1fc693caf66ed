import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { LineSplitter } from '../../../core/process/line-splitter.js';
import type { InProcessAgentHost } from '../in-process-agent-host.js';
import type { Spool, SpoolBatch } from '../spool.js';
import {
  type CommandName,
  commands,
  failureOf,
  type FromServer,
  fromServer,
  type FromShim,
  isCommand,
  isSame,
  MAX_LINE_BYTES,
  SHIM_VERSION,
} from './shim-protocol.js';

/** Who has not said who he is by then is not listened to. */
const HELLO_WAIT_MS = 5_000;

export interface ShimServed {
  readonly host: InProcessAgentHost;
  readonly spool: Spool;
  readonly sessionId: string;
  readonly token: string;
  isOver(): boolean;
  readonly debug: (facts: Readonly<Record<string, unknown>>) => void;
}

/** The shim's socket. One server is served at a time: one that comes with the token takes the place of the one before. */
export class ShimServer {
  private readonly server: Server;
  private current: Connection | undefined;

  constructor(private readonly served: ShimServed) {
    this.server = createServer((socket) => this.accept(socket));
  }

  /** Listens on a Unix socket that only this user may connect to. @throws Error of the operating system */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      // The socket file is made within this call: it never has another mode.
      const before = process.umask(0o177);
      this.server.listen(path, () => {
        chmodSync(path, 0o600);
        resolve();
      });
      process.umask(before);
    });
  }

  private accept(socket: Socket): void {
    const connection: Connection = new Connection(socket, this.served, () => {
      if (this.current !== connection) this.current?.close();
      this.current = connection;
    });
  }
}

class Connection {
  private readonly splitter = new LineSplitter(MAX_LINE_BYTES);
  private isKnown = false;
  private readonly send = ({ records }: SpoolBatch) => this.write(`{"type":"records","records":[${records.join(',')}]}`);

  constructor(
    private readonly socket: Socket,
    private readonly served: ShimServed,
    private readonly onKnown: () => void,
  ) {
    const late = setTimeout(() => this.isKnown || this.close(), HELLO_WAIT_MS).unref();
    socket.on('error', (error) => served.debug({ msg: 'a connection failed', err: String(error) }));
    socket.on('close', () => {
      clearTimeout(late);
      served.spool.leave(this.send);
    });
    socket.on('data', (chunk: Buffer) => this.splitter.push(chunk).forEach(({ text }) => this.take(text)));
  }

  close(): void {
    this.served.spool.leave(this.send);
    this.socket.destroy();
  }

  private take(line: string): void {
    if (this.socket.destroyed) return;
    const message = parsed(line);
    if (!message) return this.refuse('this is no message of the protocol');
    if (message.type === 'hello') return this.greet(message.version, message.token);
    if (!this.isKnown) return this.refuse('say hello first');
    switch (message.type) {
      case 'read':
        return this.served.spool.read(message.after, this.send);
      case 'ack':
        return this.served.spool.acknowledge(message.n, message.keepFrom);
      case 'request':
        return void this.answer(message.id, message.name, message.params);
    }
  }

  private greet(version: number, token: string): void {
    if (!isSame(token, this.served.token)) return this.refuse('the token is wrong');
    if (version !== SHIM_VERSION) return this.refuse(`this shim speaks version ${SHIM_VERSION}`);
    const { host, spool, sessionId } = this.served;
    this.isKnown = true;
    this.onKnown();
    const { first, last } = spool;
    const { process, lastTurn } = host;
    this.say({ type: 'welcome', version: SHIM_VERSION, sessionId, process, first, last, lastTurn, isOver: this.served.isOver() });
  }

  private async answer(id: number, name: string, params: unknown): Promise<void> {
    try {
      if (!isCommand(name)) throw new Error(`there is no command ${name}`);
      this.say({ type: 'reply', id, result: await carryOut(this.served.host, name, params) });
    } catch (error) {
      this.say({ type: 'reply', id, failure: failureOf(error) });
    }
  }

  private refuse(reason: string): void {
    this.served.debug({ msg: 'a connection was refused', reason });
    this.say({ type: 'refused', reason });
    this.socket.end();
  }

  private say(message: FromShim): void {
    this.write(JSON.stringify(message));
  }

  private write(line: string): void {
    if (this.socket.writable) this.socket.write(`${line}\n`);
  }
}

function carryOut(host: InProcessAgentHost, name: CommandName, params: unknown): unknown {
  switch (name) {
    case 'initialize':
      return host.initialize();
    case 'newConversation':
      return host.newConversation(commands.newConversation.parse(params));
    case 'resumeConversation': {
      const { sessionId, how, request } = commands.resumeConversation.parse(params);
      return host.resumeConversation(sessionId, how, request);
    }
    case 'setMode':
      return host.setMode(commands.setMode.parse(params).modeId);
    case 'setConfigOption': {
      const { configId, value } = commands.setConfigOption.parse(params);
      return host.setConfigOption(configId, value);
    }
    case 'prompt': {
      const { turn, content } = commands.prompt.parse(params);
      return host.prompt(turn, content);
    }
    case 'cancel':
      return host.cancel();
    case 'decide': {
      const { requestId, optionId } = commands.decide.parse(params);
      return host.decide(requestId, optionId);
    }
    case 'stop':
      return host.stop();
  }
}

function parsed(line: string): FromServer | null {
  try {
    return fromServer.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
