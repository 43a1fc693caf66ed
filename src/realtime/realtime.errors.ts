import { DomainError } from '../core/errors/domain.error.js';

/** This connection has a subscription to the same target. */
export class AlreadySubscribedError extends DomainError {
  readonly code = 'already_subscribed';
  readonly kind = 'conflict';
}

/** This connection has no such subscription. */
export class NotSubscribedError extends DomainError {
  readonly code = 'not_subscribed';
  readonly kind = 'not_found';
}

/** One connection has only so many. */
export class TooManySubscriptionsError extends DomainError {
  readonly code = 'too_many_subscriptions';
  readonly kind = 'conflict';
}
