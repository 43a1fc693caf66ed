import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { AccessWatch } from '../../auth/access-watch.service.js';
import type { Principal } from '../../auth/principal.types.js';
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
    private readonly watch: AccessWatch,
    private readonly commands: Commands,
    private readonly contexts: ConnectionContexts,
    private readonly limits: RealtimeLimits,
  ) {}

  onModuleInit(): void {
    this.door.register(this);
  }

  /** Credentials may come with the upgrade; wrong ones are refused here, absent ones may follow in the first frame. */
  async admit(request: IncomingMessage): Promise<(socket: WebSocket) => void> {
    const principal = await this.credentials.admit(request);
    return (socket) => this.connected(request, socket, principal);
  }

  private connected(request: IncomingMessage, socket: WebSocket, principal: Principal | undefined): void {
    const outlet = new SocketOutlet(socket, request.socket, this.limits);
    const connection = new Connection(socket, outlet, {
      commands: this.commands,
      limits: this.limits,
      authenticate: (credential) => this.credentials.authenticate(request, credential),
      watch: (who, watcher) => this.watch.watch(who, watcher),
      contextOf: (live) => this.contexts.make(live, outlet),
    });
    connection.start(principal);
  }
}
