import { Injectable } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { randomBase62 } from '../core/ids.js';
import { UnauthenticatedError } from './auth.errors.js';
import { Authenticator } from './authenticator.service.js';
import { hashOf } from './credentials.js';
import type { Principal } from './principal.types.js';

const VALID_MS = 30_000;
const MAX_TICKETS = 10_000;

/** Passes for one WebSocket each: browsers can't send a header with an upgrade, and a key does not belong into a URL. */
@Injectable()
export class Tickets {
  private readonly tickets = new Map<string, { readonly principal: Principal; readonly validUntil: number }>();

  constructor(
    private readonly authenticator: Authenticator,
    private readonly clock: Clock,
  ) {}

  give(principal: Principal): { ticket: string; expiresAt: string } {
    const now = this.clock.nowMs();
    for (const [hash, { validUntil }] of this.tickets) if (validUntil < now || this.tickets.size >= MAX_TICKETS) this.tickets.delete(hash);
    const ticket = randomBase62(32);
    this.tickets.set(hashOf(ticket), { principal, validUntil: now + VALID_MS });
    return { ticket, expiresAt: new Date(now + VALID_MS).toISOString() };
  }

  /** @throws UnauthenticatedError where it was used, is too old, was never given, or its key is gone by now */
  async redeem(ticket: string): Promise<Principal> {
    const hash = hashOf(ticket);
    const found = this.tickets.get(hash);
    this.tickets.delete(hash);
    if (!found || found.validUntil < this.clock.nowMs()) throw new UnauthenticatedError();
    const principal = await this.authenticator.refreshed(found.principal);
    if (!principal) throw new UnauthenticatedError();
    return principal;
  }
}
