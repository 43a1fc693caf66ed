import type { ChangedFields } from '../core/event-bus/changed-fields.types.js';
import type { RuntimeKind, SessionOrigin, SessionStatus } from './session.types.js';

/** A session's row was made. `launch`: an agent is to be started for it now. */
export interface SessionCreated {
  readonly sessionId: string;
  readonly name: string;
  readonly agent: string;
  readonly runtime: RuntimeKind;
  readonly origin: SessionOrigin;
  readonly status: SessionStatus;
  readonly launch: boolean;
  /** Characters of text in its first prompt; absent where it has none. */
  readonly promptLength?: number;
  /** It goes on from this session. */
  readonly resumedFromId?: string;
  /** It branched off this session, behind the event `forkedAtSeq`. */
  readonly forkedFromId?: string;
  readonly forkedAtSeq?: number;
}

export interface SessionStatusChanged {
  readonly sessionId: string;
  readonly from: SessionStatus;
  readonly to: SessionStatus;
  readonly reason?: string;
  readonly exitCode?: number;
  readonly exitSignal?: string;
}

export interface SessionUpdated {
  readonly sessionId: string;
  readonly changed: readonly string[];
  /** The fields in `changed`, as they were and as they are; a large value is told by its size only. */
  readonly before: ChangedFields;
  readonly after: ChangedFields;
}

/** How far its work is was said anew. `changed`: which of `phase`, `step` and `state`. */
export interface SessionStateChanged {
  readonly sessionId: string;
  readonly phase: string | null;
  readonly step: number | null;
  readonly changed: readonly string[];
  /** The fields in `changed`, as they were and as they are; a large value is told by its size only. */
  readonly before: ChangedFields;
  readonly after: ChangedFields;
}

export interface SessionDeleted {
  readonly sessionId: string;
  readonly name: string;
  readonly status: SessionStatus;
}

/** A prompt is durable and waits for the agent. */
export interface SessionInputAccepted {
  readonly sessionId: string;
  readonly inputId: string;
  /** Characters of text in it. */
  readonly length: number;
}

export interface SessionInterruptRequested {
  readonly sessionId: string;
  /** As it was then. */
  readonly status: SessionStatus;
}

export interface SessionSuspendRequested {
  readonly sessionId: string;
  /** As it was then. */
  readonly status: SessionStatus;
}

/** A suspended or lost session goes on as itself: an agent is to be started for it now. */
export interface SessionResumed {
  readonly sessionId: string;
  /** As it was before. */
  readonly from: SessionStatus;
}

export interface SessionStopRequested {
  readonly sessionId: string;
  /** As it was then. */
  readonly status: SessionStatus;
}

/** The session's policy answered a permission request of its agent. What was asked for is in the session's log. */
export interface SessionPermissionDecided {
  readonly sessionId: string;
  readonly approvalId: string;
  readonly toolCallId: string | null;
  /** `policy:deny` and so on. */
  readonly by: string;
  /** Null: none of what the agent offered; its request was cancelled. */
  readonly optionId: string | null;
  readonly reason: string | null;
}

/** What the oldest events of its log held was removed, as the retention says. */
export interface SessionTrimmed {
  readonly sessionId: string;
  /** The first number that is still kept; the next to come where none is. */
  readonly earliestSeq: number;
  /** How many were trimmed this time. */
  readonly events: number;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'session.created': SessionCreated;
    'session.status-changed': SessionStatusChanged;
    'session.updated': SessionUpdated;
    'session.state-changed': SessionStateChanged;
    'session.deleted': SessionDeleted;
    'session.input-accepted': SessionInputAccepted;
    'session.interrupt-requested': SessionInterruptRequested;
    'session.suspend-requested': SessionSuspendRequested;
    'session.resumed': SessionResumed;
    'session.stop-requested': SessionStopRequested;
    'session.permission-decided': SessionPermissionDecided;
    'session.trimmed': SessionTrimmed;
  }
}
