import { connect, createServer, type Server, type Socket } from 'node:net';

/** What the network does to what passes: lets it through, holds it, sends it later, or in drops. */
export type Weather =
  | { readonly kind: 'clear' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'trickle'; readonly bytes: number; readonly everyMs: number };

export type Direction = 'to-server' | 'to-client' | 'both';
export type Cut = 'end' | 'destroy' | 'reset';

const CLEAR: Weather = { kind: 'clear' };
/** Bytes that wait here before the sender is made to wait. */
const MAX_WAITING = 256 * 1024;

/** Stands between clients and a server on loopback, and does to their connections what networks do. */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private weather: { readonly weather: Weather; readonly direction: Direction; readonly share: number } | undefined;
  private isRefusing = false;

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly random: () => number,
    /** The port of the server behind; changes when that is started anew. */
    public target: number,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  /** `random` decides which connections are met by what meets only a share of them. */
  static async listen(target: number, random: () => number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new TcpProxy(server, address.port, random, target);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** From now on, for this share of the connections there are and to come. */
  set(weather: Weather, direction: Direction = 'both', share = 1): void {
    this.weather = { weather, direction, share };
    for (const link of this.links) this.apply(link);
  }

  /** Nobody gets in any more, and who is in is thrown out, until {@link heal}. */
  refuse(): void {
    this.isRefusing = true;
    this.cut('reset');
  }

  /** All is as it should be; what was held is delivered, late. */
  heal(): void {
    this.isRefusing = false;
    this.set(CLEAR);
  }

  cut(how: Cut, share = 1): void {
    for (const link of [...this.links]) if (link.luck < share) link.cut(how);
  }

  async close(): Promise<void> {
    this.cut('destroy');
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket): void {
    if (this.isRefusing) return void client.resetAndDestroy();
    const server = connect({ port: this.target, host: '127.0.0.1', allowHalfOpen: true });
    const link = new Link(client, server, this.random(), () => this.links.delete(link));
    this.links.add(link);
    this.apply(link);
  }

  private apply(link: Link): void {
    const { weather, direction, share } = this.weather ?? { weather: CLEAR, direction: 'both', share: 1 };
    const here = link.luck < share ? weather : CLEAR;
    link.set(direction === 'to-client' ? CLEAR : here, direction === 'to-server' ? CLEAR : here);
  }
}

/** One connection of a client with that of the proxy to the server. */
class Link {
  private readonly toServer: Pipe;
  private readonly toClient: Pipe;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    readonly luck: number,
    onClose: () => void,
  ) {
    client.setNoDelay();
    server.setNoDelay();
    this.toServer = new Pipe(client, server);
    this.toClient = new Pipe(server, client);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        // What it had said before may still be on its way.
        if (one.errored ?? !one.readableEnded) other.destroy();
        if (client.destroyed && server.destroyed) onClose();
      });
    }
  }

  set(toServer: Weather, toClient: Weather): void {
    this.toServer.set(toServer);
    this.toClient.set(toClient);
  }

  cut(how: Cut): void {
    for (const socket of [this.client, this.server]) {
      if (how === 'reset' && !socket.connecting) socket.resetAndDestroy();
      else if (how === 'end') socket.end(() => socket.destroy());
      else socket.destroy();
    }
  }
}

/** One direction of a connection: bytes in order, and then the end. */
class Pipe {
  private readonly waiting: { chunk: Buffer; readonly at: number }[] = [];
  private waitingBytes = 0;
  private weather = CLEAR;
  private hasEnded = false;
  private timer: NodeJS.Timeout | undefined;
  private isBlocked = false;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
  ) {
    from.on('data', (chunk: Buffer) => {
      this.waiting.push({ chunk, at: performance.now() });
      this.waitingBytes += chunk.length;
      if (this.waitingBytes > MAX_WAITING) from.pause();
      this.pump();
    });
    from.on('end', () => {
      this.hasEnded = true;
      this.pump();
    });
    to.on('drain', () => {
      this.isBlocked = false;
      this.pump();
    });
    to.on('close', () => clearTimeout(this.timer));
  }

  set(weather: Weather): void {
    this.weather = weather;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pump();
  }

  private pump(): void {
    if (this.timer || this.isBlocked || this.to.destroyed) return;
    const { weather } = this;
    if (weather.kind === 'hold') return;
    for (let next = this.waiting[0]; next && !this.isBlocked; next = this.waiting[0]) {
      const wait = weather.kind === 'delay' ? next.at + weather.ms - performance.now() : 0;
      if (wait > 0) return this.pumpIn(wait);
      if (weather.kind === 'trickle' && next.chunk.length > weather.bytes) {
        this.write(next.chunk.subarray(0, weather.bytes));
        next.chunk = next.chunk.subarray(weather.bytes);
        return this.pumpIn(weather.everyMs);
      }
      this.waiting.shift();
      this.write(next.chunk);
      if (weather.kind === 'trickle') return this.pumpIn(weather.everyMs);
    }
    if (this.hasEnded && this.waiting.length === 0) this.to.end();
  }

  private pumpIn(ms: number): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.pump();
    }, ms).unref();
  }

  private write(chunk: Buffer): void {
    this.isBlocked = !this.to.write(chunk);
    this.waitingBytes -= chunk.length;
    if (this.waitingBytes <= MAX_WAITING && this.from.isPaused()) this.from.resume();
  }
}
