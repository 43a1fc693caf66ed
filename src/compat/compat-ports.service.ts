import { Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { EventEmitter, once } from 'node:events';
import { createServer, type DropArgument, type Server, type Socket } from 'node:net';
import type { CompatSystem } from '../config/compat-config.js';
import { MusterConfig } from '../config/muster-config.js';
import { Refusals } from '../core/http/refusals.service.js';
import { urlOf } from '../core/http/server-address.js';
import { Shutdown } from '../core/shutdown.js';
import { CompatDoor } from './compat-door.service.js';

/** The port of a contract can't be had. */
export class CompatPortError extends Error {
  override readonly name = 'PortInUseError';
}

/**
 * The ports at which contracts are served as their own systems did. A connection is handed to the server we have, so that its limits,
 * time-outs and its way down are the same.
 */
@Injectable()
export class CompatPorts {
  private readonly logger = new Logger('Compat');
  private readonly open = new Map<CompatSystem, { readonly server: Server; readonly port: number }>();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly door: CompatDoor,
    private readonly config: MusterConfig,
    private readonly refusals: Refusals,
    private readonly shutdown: Shutdown,
  ) {}

  /** Listens on all of them, or on none. @throws CompatPortError */
  async listen(): Promise<void> {
    const main: unknown = this.host.httpAdapter?.getHttpServer();
    if (!isEmitter(main)) return;
    this.shutdown.signal.addEventListener('abort', () => this.close());
    try {
      for (const [system, port] of this.config.compat.ports) await this.serve(system, port, main);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Where each is, as in `http://127.0.0.1:8765`. */
  get urls(): ReadonlyMap<CompatSystem, string> {
    return new Map([...this.open].map(([system, { port }]) => [system, urlOf(this.config.host, port)]));
  }

  private async serve(system: CompatSystem, port: number, main: EventEmitter): Promise<void> {
    const { host, limits } = this.config;
    // As http.Server makes its own sockets.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket: Socket) => {
      this.door.comesTo(socket, system);
      main.emit('connection', socket);
    });
    if (limits.connections > 0) server.maxConnections = limits.connections;
    server.on('drop', (data?: DropArgument) =>
      this.refusals.note('too_many_connections', { address: data?.remoteAddress ?? 'unknown', limit: limits.connections }),
    );
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new CompatPortError(
        `MUSTER_COMPAT_PORTS: can't listen on ${host}:${port} for ${system} (${codeOf(error)}). Stop what listens there, or give ${system} another port.`,
      );
    }
    server.on('error', (error) => this.logger.warn({ msg: 'a connection could not be taken', system, err: error }));
    const address = server.address();
    this.open.set(system, { server, port: typeof address === 'object' && address !== null ? address.port : port });
    const closed = new Promise<void>((resolve) => server.once('close', resolve));
    this.shutdown.beforeDatabaseCloses(() => closed);
  }

  private close(): void {
    for (const { server } of this.open.values()) server.close();
    this.open.clear();
  }
}

const isEmitter = (value: unknown): value is EventEmitter => value instanceof EventEmitter;

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
