import { DomainError } from '../errors/domain.error.js';
import type { Problem } from '../errors/problem.js';

/** The key was used for something else. */
export class IdempotencyKeyReusedError extends DomainError {
  readonly code = 'idempotency_key_reused';
  readonly kind = 'conflict';
  constructor() {
    super('This idempotency key was used before, with another body or with a credential of another reach.', {
      remedy: 'Send the very same request again, or use a new key for a new one.',
    });
  }
}

/** The first request with the key is still being carried out. */
export class IdempotencyInProgressError extends DomainError {
  readonly code = 'idempotency_in_progress';
  readonly kind = 'conflict';
  constructor(retryAfterS: number) {
    super('The first request with this idempotency key is still under way.', { remedy: 'Send it again, with the same key.', retryAfterS });
  }
}

/** A refusal as it stands in its problem details. */
export type Refusal = Omit<Problem, 'type' | 'title'>;

/** The refusal that the first request with the key got, once more. */
export class ReplayedRefusalError extends DomainError {
  readonly code: string;
  readonly kind = 'conflict';
  /** Of the first request. */
  readonly requestId: string | undefined;
  constructor({ status, code, detail, remedy, issues, context, requestId }: Refusal) {
    super(detail, { status, remedy, issues, context });
    this.code = code;
    this.requestId = requestId;
  }
}
