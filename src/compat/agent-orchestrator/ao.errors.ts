import { DomainError, InvalidInputError } from '../../core/errors/domain.error.js';

/** One wrong place, as FastAPI tells it. */
export interface AoIssue {
  /** `["body", "session_name"]` */
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** A body or query that has not the form it must have. */
export class AoInputError extends InvalidInputError {
  override readonly code = 'invalid_input';
  constructor(readonly wrong: readonly AoIssue[]) {
    const issues = wrong.map(({ loc, msg }) => ({ path: loc.join('.'), message: msg }));
    super(`Wrong input: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`, { issues, context: { detail: wrong } });
  }
}

/** The event names another session than its path. */
export class AoSessionMismatchError extends DomainError {
  readonly code = 'session_id_mismatch';
  readonly kind = 'invalid_input';
  constructor() {
    super('Event session_id must match URL session_id');
  }
}

/** The session is still running. */
export class AoNotFinishedError extends DomainError {
  readonly code = 'session_not_finished';
  readonly kind = 'not_found';
  constructor() {
    super('Session not finished');
  }
}

/** The session has finished without a word of its assistant. */
export class AoNoResultError extends DomainError {
  readonly code = 'no_result';
  readonly kind = 'not_found';
  constructor() {
    super('No result found');
  }
}
