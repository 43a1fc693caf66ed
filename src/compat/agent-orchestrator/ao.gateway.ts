import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { Access } from '../../auth/access.service.js';
import { AccessWatch } from '../../auth/access-watch.service.js';
import { UnauthenticatedError } from '../../auth/auth.errors.js';
import type { LiveAccess } from '../../auth/live-access.state.js';
import type { Principal } from '../../auth/principal.types.js';
import { UpgradeDoor, type UpgradeEndpoint } from '../../core/websocket/upgrade-door.service.js';
import { GatewayCredentials } from '../../realtime/gateway/gateway-credentials.service.js';
import { RealtimeLimits } from '../../realtime/realtime-limits.js';
import { AoConnection } from './ao-connection.js';
import { AoConnectionSources } from './ao-connection-sources.service.js';
import { AoOutlet } from './ao-outlet.js';

/** Their WebSocket: the server speaks, and what the client says is read and dropped. */
@Injectable()
export class AoGateway implements OnModuleInit, UpgradeEndpoint {
  readonly path = '/compat/agent-orchestrator/ws';

  constructor(
    private readonly door: UpgradeDoor,
    private readonly credentials: GatewayCredentials,
    private readonly access: Access,
    private readonly watch: AccessWatch,
    private readonly sources: AoConnectionSources,
    private readonly limits: RealtimeLimits,
  ) {}

  onModuleInit(): void {
    this.door.register(this);
  }

  /** @throws UnauthenticatedError: there is no frame in which credentials could follow; ForbiddenError */
  async admit(request: IncomingMessage): Promise<(socket: WebSocket) => void> {
    const principal = await this.credentials.admit(request);
    if (!principal) throw new UnauthenticatedError();
    this.access.assertMay(principal, 'sessions:read');
    return (socket) => this.connected(socket, principal);
  }

  private connected(socket: WebSocket, principal: Principal): void {
    const outlet: AoOutlet = new AoOutlet(
      socket,
      this.limits,
      (frame) => connection.translate(frame),
      (error) => connection.fail(error),
    );
    const live: LiveAccess = this.watch.watch(principal, {
      held: () => outlet.hold(),
      changed: () => connection.review(),
      ended: (error) => outlet.endAccess(error),
    });
    const connection = new AoConnection(live, outlet, this.sources);
    connection.start();
  }
}
