import type { ApprovalStatus } from './approval.types.js';

/** An agent waits for an answer. What it asks for is in the approval and in the session's log. */
export interface ApprovalRequested {
  readonly approvalId: string;
  readonly sessionId: string;
  readonly turn: number | null;
  /** What the tool does: `read`, `edit`, `execute` … */
  readonly kind: string;
  readonly toolCallId: string | null;
  readonly expiresAt: string | null;
}

/** Somebody answered. */
export interface ApprovalDecided {
  readonly approvalId: string;
  readonly sessionId: string;
  readonly optionId: string;
  /** `allow_once` and so on. */
  readonly optionKind: string;
  readonly by: string;
  /** Why, as far as it was said. */
  readonly text?: string;
  /** The tool's input was changed. */
  readonly isEdited?: true;
}

/** Nobody answered, and nobody will. */
export interface ApprovalClosed {
  readonly approvalId: string;
  readonly sessionId: string;
  readonly status: Exclude<ApprovalStatus, 'pending' | 'decided'>;
  readonly reason: string;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'approval.requested': ApprovalRequested;
    'approval.decided': ApprovalDecided;
    'approval.expired': ApprovalClosed;
    'approval.cancelled': ApprovalClosed;
  }
}
