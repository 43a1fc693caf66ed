import { DomainError } from '../core/errors/domain.error.js';
import type { RateBudget } from './rate-limits.types.js';

/** Somebody asked for more than the limit of a class of requests. */
export class RateLimitedError extends DomainError {
  readonly code = 'rate_limited';
  readonly kind = 'unavailable';
  constructor({ class: rateClass, limit, resetS }: RateBudget) {
    const period = rateClass === 'append' ? 'second' : 'minute';
    const unit = rateClass === 'append' ? 'events' : `requests of the class "${rateClass}"`;
    super(`More than ${limit} ${unit} within a ${period}.`, {
      status: 429,
      remedy: `Try again in ${resetS} s.`,
      retryAfterS: resetS,
      context: { class: rateClass, limit, retryAfterS: resetS },
    });
  }
}

/** Too many wrong credentials came from an address: unknown ones are not looked at for a while. */
export class TooManyAttemptsError extends DomainError {
  readonly code = 'too_many_attempts';
  readonly kind = 'unavailable';
  constructor(retryAfterS: number) {
    super('Too many wrong credentials came from your address.', {
      status: 429,
      remedy: `Try again in ${retryAfterS} s. Credentials that were good before go on working.`,
      retryAfterS,
      context: { retryAfterS },
    });
  }
}

/** Somebody has as many streams open as one may have. */
export class TooManyStreamsError extends DomainError {
  readonly code = 'too_many_streams';
  readonly kind = 'unavailable';
  constructor(limit: number, whose: 'principal' | 'address') {
    super(`${limit} streams are open for your ${whose}: no more at a time.`, {
      status: 429,
      remedy: 'Close one; a WebSocket follows many sessions at once.',
      retryAfterS: 5,
      context: { limit, retryAfterS: 5 },
    });
  }
}
