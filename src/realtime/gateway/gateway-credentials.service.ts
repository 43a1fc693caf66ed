import { Injectable } from '@nestjs/common';
import { Access } from '../../auth/access.service.js';
import { Authenticator } from '../../auth/authenticator.service.js';
import type { Permission, Principal } from '../../auth/principal.types.js';
import { Tickets } from '../../auth/tickets.service.js';

/** Who opens a connection, and what they may send over it. */
@Injectable()
export class GatewayCredentials {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly tickets: Tickets,
    private readonly access: Access,
  ) {}

  /** @throws UnauthenticatedError */
  authenticate(credential: string | undefined): Promise<Principal> {
    return this.authenticator.authenticate(credential);
  }

  /** @throws UnauthenticatedError */
  redeem(ticket: string): Promise<Principal> {
    return this.tickets.redeem(ticket);
  }

  /** The principal as it is now; null where its key is gone. */
  refreshed(principal: Principal): Promise<Principal | null> {
    return this.authenticator.refreshed(principal);
  }

  /** @throws ForbiddenError */
  assertMay(principal: Principal, permission: Permission): void {
    this.access.assertMay(principal, permission);
  }
}
