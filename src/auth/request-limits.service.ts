import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ClientAddress } from './client-address.service.js';
import type { Principal } from './principal.types.js';
import { RateLimits } from './rate-limits.service.js';
import type { RateBudget, RateUse } from './rate-limits.types.js';
import { StreamSlots } from './stream-slots.service.js';

/** What a route says of how much it is: see {@link RouteOptions}. */
export interface RouteLimits {
  readonly use: (body: unknown, method: string) => RateUse;
  readonly stream: 'never' | 'always' | 'waiting';
}

/** The limits of HTTP requests. */
@Injectable()
export class RequestLimits {
  constructor(
    private readonly addresses: ClientAddress,
    private readonly rates: RateLimits,
    private readonly slots: StreamSlots,
  ) {}

  addressOf(request: Request): string {
    return this.addresses.of(request);
  }

  hostOf(request: Request): string | undefined {
    return this.addresses.hostOf(request);
  }

  /** Counts a request, tells its caller what is left, and keeps a place for it while it streams. @throws RateLimitedError, TooManyStreamsError */
  async enter(request: Request, response: Response, { use, stream }: RouteLimits, principal: Principal | undefined): Promise<void> {
    const holder = principal ? { principal } : { address: this.addresses.of(request) };
    const { class: rateClass, cost } = use(request.body, request.method);
    const budget = await this.rates.count(holder, rateClass, cost);
    if (budget) tell(response, budget);
    this.rates.assertWithin(holder, budget);
    if (principal && (stream === 'always' || (stream === 'waiting' && isWaiting(request.query)))) this.hold(request, response, principal);
  }

  private hold(request: Request, response: Response, principal: Principal): void {
    if (response.closed) return;
    response.once('close', this.slots.take(principal, this.addresses.of(request)));
  }
}

const isWaiting = ({ wait }: Request['query']): boolean => wait !== undefined && wait !== '0';

/** The three fields most clients know (draft-ietf-httpapi-ratelimit-headers-06). */
function tell(response: Response, { limit, remaining, resetS }: RateBudget): void {
  response.setHeader('RateLimit-Limit', String(limit));
  response.setHeader('RateLimit-Remaining', String(remaining));
  response.setHeader('RateLimit-Reset', String(resetS));
}
