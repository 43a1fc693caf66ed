import { DomainError } from '../core/errors/domain.error.js';

/** No credentials, or none that are valid: which of the two is not told apart. */
export class UnauthenticatedError extends DomainError {
  readonly code = 'unauthenticated';
  readonly kind = 'unauthenticated';
  constructor() {
    super('Credentials are missing or not valid.', {
      remedy: 'Send the key as "Authorization: Bearer <key>" or "X-API-Key: <key>". The admin key is in admin.key in the data directory.',
    });
  }
}

/** The principal is known and may not do this. */
export class ForbiddenError extends DomainError {
  readonly code = 'forbidden';
  readonly kind = 'forbidden';
}

/** The Host header names somebody else (DNS rebinding). */
export class HostNotAllowedError extends DomainError {
  readonly code = 'host_not_allowed';
  readonly kind = 'forbidden';
}

/** A browser calls from a page of another origin. */
export class OriginNotAllowedError extends DomainError {
  readonly code = 'origin_not_allowed';
  readonly kind = 'forbidden';
}
