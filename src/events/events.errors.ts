import { DomainError, UnavailableError } from '../core/errors/domain.error.js';

/** The session has ended: its log accepts nothing more. */
export class SessionEndedError extends DomainError {
  readonly code = 'session_ended';
  readonly kind = 'conflict';
}

/** The same event id came again with other content. */
export class EventConflictError extends DomainError {
  readonly code = 'event_conflict';
  readonly kind = 'conflict';
}

/** The type or the payload of an event is not what it must be. */
export class InvalidEventError extends DomainError {
  readonly code = 'invalid_event';
  readonly kind = 'invalid_input';
}

/** A cursor of another epoch, of trimmed events, or beyond the end: reading on from it would leave a hole. */
export class ResyncRequiredError extends DomainError {
  readonly code = 'resync_required';
  readonly kind = 'conflict';
}

/** There is no log of this session. */
export class LogNotFoundError extends DomainError {
  readonly code = 'session_not_found';
  readonly kind = 'not_found';
}

/** The session has no content of this hash. */
export class BlobNotFoundError extends DomainError {
  readonly code = 'blob_not_found';
  readonly kind = 'not_found';
}

/** Too many appends wait. Nothing of this one was written. */
export class LogOverloadedError extends UnavailableError {
  override readonly code = 'log_overloaded';
}
