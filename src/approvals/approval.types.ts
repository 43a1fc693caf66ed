import type { EventSource } from '../events/event-log.types.js';

export const APPROVAL_STATUSES = ['pending', 'decided', 'expired', 'cancelled'] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

/** One of the answers that an agent offers. */
export interface ApprovalOption {
  readonly optionId: string;
  readonly name: string;
  /** `allow_once`, `allow_always`, `reject_once`, `reject_always`, or another word of the agent's. */
  readonly kind: string;
}

/** What somebody chose. */
export interface Decision {
  readonly optionId: string;
  /** Why, for people; told to an agent that can hear it. */
  readonly text?: string;
  /** Another input for the tool, in place of the agent's. */
  readonly edits?: Readonly<Record<string, unknown>>;
}

/** A question on its way into the database. */
export interface NewApproval {
  /** The same question of the same agent has the same id, however often it is told. */
  readonly id: string;
  readonly sessionId: string;
  readonly turn: number | null;
  readonly source: EventSource;
  /** Id of the agent's principal. */
  readonly actor: string;
  /** What the tool does: `read`, `edit`, `execute` … */
  readonly kind: string;
  readonly title: string;
  readonly toolCallId: string | null;
  /** The tool call as the agent sent it. */
  readonly toolCall: Readonly<Record<string, unknown>>;
  readonly options: readonly ApprovalOption[];
  readonly takesEdits: boolean;
  /** Where the answer goes: a host of an agent, and what it calls the request by; null where somebody waits for the row itself. */
  readonly hostId: string | null;
  readonly requestId: string | null;
  /** It is given up after so long, if that is earlier than what the server is set to. */
  readonly timeoutMs?: number;
}

/** What an agent is told of its question. */
export interface Answer {
  readonly approvalId: string;
  readonly requestId: string;
  /** Null cancels the request. */
  readonly optionId: string | null;
  readonly isAllowed: boolean;
}

export const isAllowing = ({ kind }: Pick<ApprovalOption, 'kind'>): boolean => kind.startsWith('allow');
