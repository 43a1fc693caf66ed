import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AdminKey } from './auth/admin-key.js';
import { ClientAddress, countedAs } from './auth/client-address.service.js';
import { BrowserLogins } from './auth/browser-logins.service.js';
import { CompatPorts } from './compat/compat-ports.service.js';
import type { Environment } from './config/environment.js';
import { MusterConfig } from './config/muster-config.js';
import { configureApp, httpAdapter } from './configure-app.js';
import { answerClientErrors } from './core/http/client-errors.js';
import { limitConnections } from './core/http/connection-limits.js';
import { Refusals } from './core/http/refusals.service.js';
import { ServerAddress } from './core/http/server-address.js';
import { Shutdown } from './core/shutdown.js';
import { MusterModule } from './muster.module.js';
import { Health } from './ops/health.service.js';

/** Somebody else listens on the port. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError';
}

export interface RunningServer {
  readonly app: NestExpressApplication;
  readonly url: string;
  /** What to tell the person who started it, with a one-time link that signs a browser in. */
  greeting(): string;
}

/** Starts a server of our own. @throws ConfigError, DataDirInUseError, DatabaseUnreachableError, PortInUseError, CompatPortError */
export async function startServer(environment: Environment, logger: LoggerService | false): Promise<RunningServer> {
  const app = await NestFactory.create<NestExpressApplication>(MusterModule.forRoot({ environment }), httpAdapter(), {
    bodyParser: false,
    abortOnError: false,
    logger,
  });
  const config = app.get(MusterConfig);
  configureApp(app);
  guardServer(app, config);
  closeConnectionsAtShutdown(app, config.shutdownGraceMs);
  await listen(app, config);
  await listenForOthers(app);
  const address = app.get(ServerAddress);
  return { app, url: address.publicUrl, greeting: () => greeting(app, config, address.publicUrl) };
}

async function listen(app: NestExpressApplication, { host, port }: MusterConfig): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (error) {
    await app.close();
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE')
      throw new PortInUseError(`MUSTER_PORT: ${host}:${port} is in use. Stop what listens there, or set MUSTER_PORT to another port.`);
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL')
      throw new PortInUseError(
        `MUSTER_HOST, MUSTER_PORT: can't listen on ${host}:${port} (${code}). Choose an address of this machine and a port above 1023.`,
      );
    throw error;
  }
  const bound: unknown = app.getHttpServer().address();
  if (typeof bound === 'object' && bound !== null && 'port' in bound && typeof bound.port === 'number')
    app.get(ServerAddress).listensOn(host, bound.port);
}

async function listenForOthers(app: NestExpressApplication): Promise<void> {
  try {
    await app.get(CompatPorts).listen();
  } catch (error) {
    await app.close();
    throw error;
  }
}

/** What Express never sees: connections themselves, and what comes over them and is no request. */
function guardServer(app: NestExpressApplication, { limits }: MusterConfig): void {
  const server = app.getHttpServer();
  const addresses = app.get(ClientAddress);
  limitConnections(server, {
    most: limits.connections,
    mostPerAddress: limits.connectionsPerAddress,
    // A proxy speaks for many; whom it speaks for is counted by requests and streams.
    countedAs: (address) => (addresses.isProxy(address) ? undefined : countedAs(address)),
    onRefused: (facts) => app.get(Refusals).note('too_many_connections', facts),
  });
  answerClientErrors(server, {
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none';frame-ancestors 'none'",
  });
}

/** What holds out beyond the grace is cut, and what slipped in between too. */
const CUT_EVERY_MS = 100;
/** Whose request was under way when the way down began got an answer that promised more; who does not come back for it is not waited for. */
const CLOSE_IDLE_EVERY_MS = 1_000;

/** Requests under way may finish; what is left after the grace is cut, and connections that never asked for anything at once. */
function closeConnectionsAtShutdown(app: NestExpressApplication, graceMs: number): void {
  const server = app.getHttpServer();
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  app.get(Shutdown).signal.addEventListener('abort', () => {
    app.get(Health).stopping();
    // Nobody new; who is connected gets one more answer, and is told not to come back on this connection.
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    app.get(Shutdown).beforeDatabaseCloses(() => closed);
    server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => response.setHeader('Connection', 'close'));
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS).unref();
    const cut = () => server.closeAllConnections();
    setTimeout(() => setInterval(cut, CUT_EVERY_MS).unref(), graceMs).unref();
  });
}

function greeting(app: NestExpressApplication, config: MusterConfig, url: string): string {
  const isOpen = config.auth === 'off';
  const link = `${url}/api/login?code=${isOpen ? '' : app.get(BrowserLogins).newCode()}`;
  const lines = [
    `Muster listens on ${url}`,
    ...(isOpen
      ? ['  MUSTER_AUTH=off: everybody on this machine may do everything']
      : [
          `  sign a browser in (once, within 15 minutes):  ${link}`,
          config.adminKey === undefined ? `  or use the admin key in ${app.get(AdminKey).file}:` : '  or use the key in MUSTER_ADMIN_KEY:',
          `    curl -H "Authorization: Bearer $(cat ${config.adminKey === undefined ? app.get(AdminKey).file : '…'})" ${url}/api/me`,
        ]),
    `  API:       ${url}/api/docs`,
    `  WebSocket: ${url.replace(/^http/, 'ws')}/api/ws`,
    ...[...app.get(CompatPorts).urls].map(([system, where]) => `  ${system}: ${where}`),
  ];
  return lines.join('\n');
}
