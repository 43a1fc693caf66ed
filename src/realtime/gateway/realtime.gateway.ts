import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { credentialOf } from '../../auth/access.guard.js';
import { UnauthenticatedError } from '../../auth/auth.errors.js';
import { EdgeRules } from '../../auth/edge-rules.js';
import type { Principal } from '../../auth/principal.types.js';
import { CLOSE } from '../../core/websocket/close-codes.js';
import { keepAlive } from '../../core/websocket/heartbeat.js';
import { UpgradeDoor, type UpgradeEndpoint } from '../../core/websocket/upgrade-door.service.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { GatewayCredentials } from './gateway-credentials.service.js';
import { Connection } from './connection.js';
import { ConnectionContexts } from './connection-contexts.service.js';
import { Commands } from './commands.service.js';
import { SocketOutlet } from './socket-outlet.js';

export const REALTIME_PATH = '/api/ws';

/** The WebSocket `/api/ws`. */
@Injectable()
export class RealtimeGateway implements OnModuleInit, UpgradeEndpoint {
  readonly path = REALTIME_PATH;

  constructor(
    private readonly door: UpgradeDoor,
    private readonly credentials: GatewayCredentials,
    private readonly edge: EdgeRules,
    private readonly commands: Commands,
    private readonly contexts: ConnectionContexts,
    private readonly limits: RealtimeLimits,
  ) {}

  onModuleInit(): void {
    this.door.register(this);
  }

  /** Credentials may come with the upgrade; wrong ones are refused here, absent ones may follow in the first frame. */
  async admit(request: IncomingMessage): Promise<(socket: WebSocket) => void> {
    this.edge.assertHost(request.headers);
    const { credential, isCookie } = credentialOf(request.headers);
    this.edge.assertOrigin(request.headers, { method: request.method ?? 'GET', isUpgrade: true, isCookie });
    const principal = await this.principalOf(request, credential);
    return (socket) => this.connected(socket, principal);
  }

  private async principalOf(request: IncomingMessage, credential: string | undefined): Promise<Principal | undefined> {
    try {
      return await this.credentials.authenticate(credential);
    } catch (error) {
      if (error instanceof UnauthenticatedError && credential === undefined && request.headers.authorization === undefined)
        return undefined;
      throw error;
    }
  }

  private connected(socket: WebSocket, principal: Principal | undefined): void {
    const outlet = new SocketOutlet(socket, this.limits);
    const connection = new Connection(socket, outlet, {
      commands: this.commands,
      limits: this.limits,
      authenticate: (credential) => this.credentials.authenticate(credential),
      assertMay: (who, permission) => this.credentials.assertMay(who, permission),
      contextOf: (who) => this.contexts.make(who, outlet),
    });
    const { pingEveryMs, pongWithinMs } = this.limits;
    keepAlive(socket, {
      everyMs: pingEveryMs,
      pongWithinMs,
      progress: () => outlet.progress,
      isPaused: () => socket.isPaused,
      onDead: () => outlet.close(CLOSE.slow, 'no pong in time'),
    });
    connection.start(principal);
  }
}
