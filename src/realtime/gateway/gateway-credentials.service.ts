import { Injectable } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { credentialOf } from '../../auth/access.guard.js';
import { Attempts } from '../../auth/attempts.service.js';
import { UnauthenticatedError } from '../../auth/auth.errors.js';
import { Authenticator } from '../../auth/authenticator.service.js';
import { ClientAddress } from '../../auth/client-address.service.js';
import { EdgeRules } from '../../auth/edge-rules.js';
import type { Principal } from '../../auth/principal.types.js';
import { StreamSlots } from '../../auth/stream-slots.service.js';
import { Tickets } from '../../auth/tickets.service.js';
import { InvalidInputError } from '../../core/errors/domain.error.js';

/** Who opens a connection. */
@Injectable()
export class GatewayCredentials {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly tickets: Tickets,
    private readonly edge: EdgeRules,
    private readonly attempts: Attempts,
    private readonly addresses: ClientAddress,
    private readonly slots: StreamSlots,
  ) {}

  /**
   * Whose upgrade it is; undefined where it brings no credentials, which may follow in the first frame.
   * @throws HostNotAllowedError, OriginNotAllowedError, InvalidInputError where it brings two, UnauthenticatedError,
   * TooManyAttemptsError, TooManyStreamsError
   */
  async admit(request: IncomingMessage): Promise<Principal | undefined> {
    const { headers, method = 'GET' } = request;
    this.edge.assertHost(headers);
    const { credential, isCookie } = credentialOf(headers);
    const host = this.addresses.hostOf(request);
    this.edge.assertOrigin(headers, { method, isUpgrade: true, isCookie, host });
    const ticket = ticketOf(request);
    if (ticket !== undefined) {
      // Not so a cookie: browsers send it along with whatever a page asks for.
      if (headers.authorization !== undefined || headers['x-api-key'] !== undefined) throw twoCredentials();
      return this.enter(request, ticket, () => this.tickets.redeem(ticket));
    }
    try {
      return await this.authenticate(request, credential);
    } catch (error) {
      if (error instanceof UnauthenticatedError && credential === undefined && headers.authorization === undefined) return undefined;
      throw error;
    }
  }

  /** @throws UnauthenticatedError, TooManyAttemptsError, TooManyStreamsError */
  authenticate(request: IncomingMessage, credential: string | undefined): Promise<Principal> {
    return this.enter(request, credential, () => this.authenticator.authenticate(credential));
  }

  /** Keeps a place for the connection until it is gone. */
  private async enter(request: IncomingMessage, credential: string | undefined, check: () => Promise<Principal>): Promise<Principal> {
    const address = this.addresses.of(request);
    const principal = await this.attempts.guard(address, credential, check);
    const free = this.slots.take(principal, address);
    if (request.socket.destroyed) free();
    else request.socket.once('close', free);
    return principal;
  }
}

/** The ticket in the query. It is a credential: it is shown to nobody. @throws InvalidInputError where there are several */
function ticketOf({ url = '' }: IncomingMessage): string | undefined {
  const query = url.includes('?') ? url.slice(url.indexOf('?') + 1) : '';
  const tickets = new URLSearchParams(query).getAll('ticket');
  if (tickets.length > 1) throw twoCredentials();
  return tickets[0];
}

const twoCredentials = (): InvalidInputError =>
  new InvalidInputError('An upgrade brings one credential.', { remedy: 'Send a ticket, or a key in a header, not both.' });
