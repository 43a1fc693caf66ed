import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap, Optional } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { EventEmitter } from 'node:events';
import { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { DomainError, EdgeError, UnavailableError } from '../errors/domain.error.js';
import { CLOSE, SHUTDOWN_REASON } from './close-codes.js';
import { MAX_PAYLOAD } from './frame-reader.js';
import { storageErrorOf } from '../errors/storage.errors.js';
import { ErrorShapes } from '../errors/error-shapes.service.js';
import { refuseUpgrade } from './upgrade-refusal.js';

/** Where WebSockets of one kind come in. */
export interface UpgradeEndpoint {
  /** The exact path, without query. */
  readonly path: string;
  /**
   * Looks at the request before anything is upgraded; what it throws is answered as HTTP. What it gives is called in the same
   * turn in which the socket opens, so that no frame is missed.
   */
  admit(request: IncomingMessage): Promise<(socket: WebSocket) => void>;
}

/** How long a peer has to answer a close frame at shutdown before its socket is cut. */
const CLOSE_GRACE_MS = 1_000;

/**
 * The one place where HTTP becomes WebSocket, on the server of whatever Nest application this is part of. Not Nest's `WsAdapter`:
 * that answers nothing to a bad frame, knows no back-pressure, and an application that imports Muster keeps its own
 * (docs/adr/0007-our-own-websocket-door.md). Our paths are ours alone, because other listeners destroy sockets they don't know;
 * other paths are theirs, or 404 where nobody else listens.
 */
@Injectable()
export class UpgradeDoor implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(UpgradeDoor.name);
  private readonly endpoints = new Map<string, UpgradeEndpoint>();
  private readonly sockets = new Set<WebSocket>();
  private readonly webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD,
  });
  private isClosing = false;
  private readonly rewrites: ((request: IncomingMessage) => void)[] = [];

  constructor(
    private readonly host: HttpAdapterHost,
    @Optional() private readonly shapes: ErrorShapes = new ErrorShapes(),
  ) {}

  /** To be called before the application has started. */
  register(endpoint: UpgradeEndpoint): void {
    if (this.endpoints.has(endpoint.path)) throw new Error(`Two WebSocket endpoints have the path ${endpoint.path}.`);
    this.endpoints.set(endpoint.path, endpoint);
  }

  /** `rewrite` may give a request another path before anybody looks at it. To be called before the application has started. */
  addRewrite(rewrite: (request: IncomingMessage) => void): void {
    this.rewrites.push(rewrite);
  }

  onApplicationBootstrap(): void {
    const server: unknown = this.host.httpAdapter?.getHttpServer();
    if (isEmitter(server)) this.attach(server);
  }

  /** Tells every client why, and waits for it a moment: an open socket would keep the HTTP server from closing. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isClosing = true;
    const closed = [...this.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    this.sockets.forEach((socket) => socket.close(CLOSE.goingAway, SHUTDOWN_REASON));
    const cut = setTimeout(() => this.sockets.forEach((socket) => socket.terminate()), CLOSE_GRACE_MS);
    await Promise.all(closed);
    clearTimeout(cut);
  }

  private attach(server: EventEmitter): void {
    const emit = server.emit.bind(server);
    const own = (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(request, socket, head, server.listenerCount('upgrade') > 1);
    server.on('upgrade', own);
    // Listeners can't be kept from an event, and those of `ws` and of WsAdapter destroy what is not for them.
    server.emit = (name: string | symbol, ...args: unknown[]): boolean => {
      const [request, socket, head] = args;
      if (name === 'upgrade' && request instanceof IncomingMessage) this.rewrites.forEach((rewrite) => rewrite(request));
      const isOurs = name === 'upgrade' && request instanceof IncomingMessage && this.endpoints.has(pathOf(request));
      if (!isOurs || !(socket instanceof Duplex) || !Buffer.isBuffer(head)) return emit(name, ...args);
      own(request, socket, head);
      return true;
    };
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, isShared: boolean): void {
    const endpoint = this.endpoints.get(pathOf(request));
    if (!endpoint && isShared) return;
    socket.on('error', ignoreReset);
    if (!endpoint) {
      refuseUpgrade(
        request,
        socket,
        new EdgeError('route_not_found', 404, 'There is no WebSocket at this path.', {
          remedy: `There is one at: ${[...this.endpoints.keys()].join(', ')}.`,
        }),
        this.shapes.of(pathOf(request)),
      );
      return;
    }
    this.admit(endpoint, request, socket, head).catch((thrown: unknown) => {
      const error = storageErrorOf(thrown) ?? thrown;
      if (!(error instanceof DomainError)) this.logger.error({ msg: 'an upgrade failed', err: error });
      refuseUpgrade(request, socket, error, this.shapes.of(pathOf(request)));
    });
  }

  private async admit(endpoint: UpgradeEndpoint, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const connect = await endpoint.admit(request);
    if (this.isClosing)
      throw new UnavailableError('The server is shutting down.', { remedy: 'Connect again in a moment.', retryAfterS: 1 });
    if (socket.destroyed) return;
    socket.removeListener('error', ignoreReset);
    this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.sockets.add(webSocket);
      webSocket.once('close', () => this.sockets.delete(webSocket));
      // Frames that break the protocol end in a close code of ws itself; without a listener they would end the process.
      webSocket.on('error', (error) => this.logger.debug({ msg: 'a WebSocket broke', err: error }));
      connect(webSocket);
    });
  }
}

const isEmitter = (value: unknown): value is EventEmitter => value instanceof EventEmitter;

const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?', 1)[0] ?? '';

/** The peer hung up: there is nobody left to tell. */
const ignoreReset = (): void => undefined;
