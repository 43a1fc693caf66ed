import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { MusterConfig } from '../config/muster-config.js';
import { Turns } from '../core/database/turns.js';
import { Refusals } from '../core/http/refusals.service.js';
import { UnauthenticatedError } from './auth.errors.js';
import { hashOf } from './credentials.js';
import { TooManyAttemptsError } from './rate-limits.errors.js';

const PERIOD_S = 60;
const FIRST_DELAY_MS = 25;
const MOST_DELAY_MS = 1_000;
/** How long one check may keep others of its address waiting. */
const TURN_MS = 1_000;
const MAX_PROVEN = 10_000;

type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: UnauthenticatedError; readonly failures: number };

/**
 * Slows down who guesses. Each wrong credential of an address is answered later than the one before, and after some a minute nothing
 * unknown from there is looked at. What was good once is no guess and goes on working: nobody locks out others behind the same
 * address. Unknown credentials of an address are checked one after the other, so that many at once are no way around the count.
 */
@Injectable()
export class Attempts {
  /** Hashes of credentials that were good since the start, the last used ones at the end. */
  private readonly proven = new Set<string>();
  private readonly lines = new Map<string, { readonly turns: Turns; waiting: number }>();
  private readonly limit: number;
  private readonly failures: RateLimiterMemory;
  /** Of credentials that were good once: they are slowed too, and lock nobody out. */
  private readonly lapsed: RateLimiterMemory;

  constructor(
    { limits }: MusterConfig,
    private readonly refusals: Refusals,
  ) {
    this.limit = limits.failedAttemptsPerMinute;
    const options = { points: Math.max(1, this.limit), duration: PERIOD_S, keyPrefix: '' };
    this.failures = new RateLimiterMemory(options);
    this.lapsed = new RateLimiterMemory(options);
  }

  /**
   * Runs `check`, which tells whether `credential` is good; an absent one is no attempt.
   * @param address as {@link ClientAddress} gives it
   * @throws what `check` throws, later where that is an UnauthenticatedError; TooManyAttemptsError without having called it
   */
  async guard<T>(address: string, credential: string | undefined, check: () => Promise<T>): Promise<T> {
    if (this.limit === 0 || credential === undefined || credential === '') return check();
    const hash = hashOf(credential);
    const isProven = this.proven.delete(hash);
    if (isProven) this.proven.add(hash);
    const outcome = isProven
      ? await this.attempt(this.lapsed, address, check)
      : await this.inTurn(address, async () => {
          await this.assertOpen(address);
          return this.attempt(this.failures, address, check);
        });
    if (!outcome.ok) {
      this.refusals.note('failed_attempt', { address, count: outcome.failures });
      await sleep(delayOf(outcome.failures));
      throw outcome.error;
    }
    if (!isProven) this.prove(hash);
    return outcome.value;
  }

  private async attempt<T>(limiter: RateLimiterMemory, address: string, check: () => Promise<T>): Promise<Outcome<T>> {
    try {
      return { ok: true, value: await check() };
    } catch (error) {
      if (!(error instanceof UnauthenticatedError)) throw error;
      const { consumedPoints } = await limiter.penalty(address);
      return { ok: false, error, failures: consumedPoints };
    }
  }

  /** @throws TooManyAttemptsError */
  private async assertOpen(address: string): Promise<void> {
    const seen = await this.failures.get(address);
    if (!seen || seen.msBeforeNext <= 0 || seen.consumedPoints < this.limit) return;
    this.refusals.note('too_many_attempts', { address, count: seen.consumedPoints });
    throw new TooManyAttemptsError(Math.max(1, Math.ceil(seen.msBeforeNext / 1_000)));
  }

  /** A check that takes long (an identity provider that does not answer) lets the next begin after a while. */
  private async inTurn<T>(address: string, run: () => Promise<T>): Promise<T> {
    const line = this.lines.get(address) ?? { turns: new Turns(), waiting: 0 };
    this.lines.set(address, line);
    line.waiting += 1;
    try {
      const { result } = await line.turns.take(async () => {
        const running = run();
        const gone = new AbortController();
        await Promise.race([running.catch(() => undefined), sleep(TURN_MS, undefined, { signal: gone.signal }).catch(() => undefined)]);
        gone.abort();
        return { result: running };
      });
      return await result;
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.lines.delete(address);
    }
  }

  private prove(hash: string): void {
    const [oldest] = this.proven;
    if (oldest !== undefined && this.proven.size >= MAX_PROVEN) this.proven.delete(oldest);
    this.proven.add(hash);
  }
}

/** 25 ms, 50, 100 … up to a second. */
const delayOf = (failures: number): number => Math.min(MOST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 10));
