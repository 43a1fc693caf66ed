import { Injectable } from '@nestjs/common';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { MusterConfig } from '../config/muster-config.js';
import { Refusals } from '../core/http/refusals.service.js';
import type { Principal } from './principal.types.js';
import { RateLimitedError } from './rate-limits.errors.js';
import type { RateBudget, RateClass } from './rate-limits.types.js';

/** Whose use is counted: a principal with all its keys, or an address where there is none. */
export type RateHolder = { readonly principal: Principal } | { readonly address: string };

/** Counts requests by class and holder, in fixed windows that begin with the first request: constant time, one number a holder. */
@Injectable()
export class RateLimits {
  private readonly limiters: ReadonlyMap<RateClass, RateLimiterMemory>;

  constructor(
    { limits }: MusterConfig,
    private readonly refusals: Refusals,
  ) {
    const classes: [RateClass, number, number][] = [
      ['read', limits.readPerMinute, 60],
      ['write', limits.writePerMinute, 60],
      ['launch', limits.launchPerMinute, 60],
      ['login', limits.loginPerMinute, 60],
      ['append', limits.appendPerSecond, 1],
    ];
    this.limiters = new Map(
      classes.flatMap(([name, points, duration]) =>
        points > 0 ? [[name, new RateLimiterMemory({ points, duration, keyPrefix: '' })]] : [],
      ),
    );
  }

  /** Counts a request, or `cost` of it. @throws RateLimitedError */
  async take(principal: Principal, rateClass: RateClass, cost = 1): Promise<void> {
    this.assertWithin({ principal }, await this.count({ principal }, rateClass, cost));
  }

  /** What is left after a request; undefined where nothing limits it. What finds anything left may take more than that. */
  async count(holder: RateHolder, rateClass: RateClass, cost = 1): Promise<RateBudget | undefined> {
    const limiter = this.limiters.get(rateClass);
    if (!limiter || ('principal' in holder && holder.principal.kind === 'system')) return undefined;
    const { consumedPoints, remainingPoints, msBeforeNext } = await limiter.penalty(keyOf(holder), cost);
    return {
      class: rateClass,
      limit: limiter.points,
      remaining: remainingPoints,
      resetS: Math.max(1, Math.ceil(msBeforeNext / 1_000)),
      isExceeded: consumedPoints - cost >= limiter.points,
    };
  }

  /** @throws RateLimitedError */
  assertWithin(holder: RateHolder, budget: RateBudget | undefined): void {
    if (!budget?.isExceeded) return;
    this.refusals.note('rate_limited', { class: budget.class, limit: budget.limit, holder: keyOf(holder) });
    throw new RateLimitedError(budget);
  }
}

const keyOf = (holder: RateHolder): string => ('principal' in holder ? `principal ${holder.principal.id}` : `address ${holder.address}`);
