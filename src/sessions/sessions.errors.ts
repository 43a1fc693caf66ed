import { DomainError } from '../core/errors/domain.error.js';
import type { RuntimeKind, SessionStatus } from './session.types.js';
import { movesFrom } from './session.state.js';

/** There is none of this id, or it may not be seen. */
export class SessionNotFoundError extends DomainError {
  readonly code = 'session_not_found';
  readonly kind = 'not_found';
  constructor(id: string) {
    super(`There is no session ${JSON.stringify(id.slice(0, 100))}.`);
  }
}

/** The state machine refuses this move. Says which are possible. */
export class IllegalMoveError extends DomainError {
  readonly code = 'illegal_move';
  readonly kind = 'conflict';
  constructor(id: string, from: SessionStatus, to: SessionStatus, runtime: RuntimeKind) {
    const possible = movesFrom(from, runtime);
    super(`A session that is ${from} can't become ${to}.`, {
      remedy: possible.length > 0 ? `From here it can become: ${possible.join(', ')}.` : 'It has ended; start a new session.',
      context: { sessionId: id, from, to, possible },
    });
  }
}

/** What was asked is not possible in the session's present status. */
export class SessionStatusError extends DomainError {
  readonly code = 'session_status';
  readonly kind = 'conflict';
}

/** No branch can begin behind this event. Says where one can. */
export class ForkPointError extends DomainError {
  readonly code = 'fork_point';
  readonly kind = 'conflict';
}

/** It is live; ending it first, or `force`, is needed. */
export class SessionLiveError extends DomainError {
  readonly code = 'session_live';
  readonly kind = 'conflict';
}

/** The row was changed since the caller read it. */
export class VersionConflictError extends DomainError {
  readonly code = 'version_conflict';
  readonly kind = 'conflict';
}

/** The caller's own id is taken by another of its sessions. */
export class ExternalIdTakenError extends DomainError {
  readonly code = 'external_id_taken';
  readonly kind = 'conflict';
}

/** The workspace allows no further active session. */
export class WorkspaceBusyError extends DomainError {
  readonly code = 'workspace_busy';
  readonly kind = 'conflict';
}

/** The agent, or the way it is driven, can't do this. */
export class NotSupportedError extends DomainError {
  readonly code = 'not_supported';
  readonly kind = 'conflict';
}

/** No mode has this id. */
export class UnknownModeError extends DomainError {
  readonly code = 'unknown_mode';
  readonly kind = 'invalid_input';
  constructor(id: string, known: readonly string[]) {
    super(`There is no mode ${JSON.stringify(id.slice(0, 100).toWellFormed())}.`, {
      remedy: `Known are: ${known.join(', ')}. Further ones go into MUSTER_MODES_FILE.`,
      context: { known },
    });
  }
}

/** The session's mode is not made for being suspended and resumed. */
export class ModeNotResumableError extends DomainError {
  readonly code = 'mode_not_resumable';
  readonly kind = 'conflict';
  constructor(act: 'suspended' | 'resumed', mode: string) {
    super(`A session of the mode ${mode} can't be ${act}.`, {
      remedy: 'Start a new session, in a mode whose supportsResume is true: see GET /api/sessions/modes/list.',
      context: { mode },
    });
  }
}

/** There is no answer of the agent yet, or there never will be one. */
export class ResultNotFoundError extends DomainError {
  readonly code = 'result_not_found';
  readonly kind = 'not_found';
}
