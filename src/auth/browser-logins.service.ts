import { Injectable } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { randomBase62 } from '../core/ids.js';
import { UnauthenticatedError } from './auth.errors.js';
import { ADMIN } from './authenticator.service.js';
import { hashOf } from './credentials.js';
import { Keys } from './keys.service.js';

const CODE_MS = 15 * 60_000;
const COOKIE_MS = 12 * 3_600_000;

/** One-time links that sign the operator's browser in. */
@Injectable()
export class BrowserLogins {
  private readonly codes = new Map<string, number>();

  constructor(
    private readonly keys: Keys,
    private readonly clock: Clock,
  ) {}

  /** A code for one sign-in, valid for 15 minutes. */
  newCode(): string {
    const code = randomBase62(32);
    this.codes.set(hashOf(code), this.clock.nowMs() + CODE_MS);
    return code;
  }

  /** Turns a code into the value of a cookie. @throws UnauthenticatedError where it was used, is too old or was never given */
  async redeem(code: string): Promise<{ secret: string; csrfToken: string; maxAgeMs: number }> {
    const hash = hashOf(code);
    const validUntil = this.codes.get(hash);
    this.codes.delete(hash);
    if (validUntil === undefined || validUntil < this.clock.nowMs()) throw new UnauthenticatedError();
    const secret = await this.keys.giveBrowserKey(ADMIN.id, COOKIE_MS);
    return { secret, csrfToken: csrfTokenOf(secret), maxAgeMs: COOKIE_MS };
  }
}

/** What a page must send along (`X-CSRF-Token`) when it changes something with a cookie: only pages of ours can know it. */
export const csrfTokenOf = (cookie: string): string => hashOf(`csrf:${cookie}`).slice(0, 32);
