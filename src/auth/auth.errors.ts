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

/** There is no such key, or it is somebody else's. */
export class KeyNotFoundError extends DomainError {
  readonly code = 'key_not_found';
  readonly kind = 'not_found';
  constructor(id: string) {
    super(`There is no key ${JSON.stringify(id.slice(0, 100))}.`);
  }
}

/** A browser changes something with its cookie, without the token that shows that a page of ours sent it. */
export class CsrfTokenError extends DomainError {
  readonly code = 'csrf_token';
  readonly kind = 'forbidden';
  constructor() {
    super('The CSRF token is missing or wrong.', {
      remedy: 'Send the value of the cookie muster_csrf (also in GET /api/me) as X-CSRF-Token.',
    });
  }
}

/** Nobody can tell whether a token is good: the provider that signed it gives no keys. The same call may be sent again. */
export class IdentityProviderError extends DomainError {
  readonly code = 'identity_provider_unavailable';
  readonly kind = 'unavailable';
  constructor(retryAfterS: number) {
    super('The identity provider does not answer, so that its tokens can not be checked.', {
      remedy: 'Try again in a moment; an API key goes on working.',
      retryAfterS,
    });
  }
}
