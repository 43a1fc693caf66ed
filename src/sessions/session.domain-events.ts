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
}

export interface SessionDeleted {
  readonly sessionId: string;
}

/** A prompt is durable and waits for the agent. */
export interface SessionInputAccepted {
  readonly sessionId: string;
  readonly inputId: string;
}

export interface SessionInterruptRequested {
  readonly sessionId: string;
}

export interface SessionStopRequested {
  readonly sessionId: string;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'session.created': SessionCreated;
    'session.status-changed': SessionStatusChanged;
    'session.updated': SessionUpdated;
    'session.deleted': SessionDeleted;
    'session.input-accepted': SessionInputAccepted;
    'session.interrupt-requested': SessionInterruptRequested;
    'session.stop-requested': SessionStopRequested;
  }
}
