import { ApiProperty } from '@nestjs/swagger';
import { decisionOf, optionsOf } from '../approval-row.js';
import type { ApprovalEntity } from '../persistence/approval.entity.js';

export class ApprovalOptionResponse {
  /** @example 'allow_once' */
  optionId: string;
  /** For people. @example 'Allow once' */
  name: string;
  /** `allow_once`, `allow_always`, `reject_once` or `reject_always`; an agent may have others. @example 'allow_once' */
  kind: string;
}

export class DecisionResponse {
  /** @example 'allow_once' */
  optionId: string;
  /** Why, as far as it was said. */
  text?: string;
  /** The tool's input, where it was changed. */
  edits?: Record<string, unknown>;
}

/** A question of an agent to people. */
export class ApprovalResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e:12' */
  id: string;
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  sessionId: string;
  turn: number | null;
  /** What the tool does: `read`, `edit`, `delete`, `move`, `search`, `execute`, `think`, `fetch`, `switch_mode`, `other`. @example 'execute' */
  kind: string;
  /** @example 'Run npm test' */
  title: string;
  toolCallId: string | null;
  /**
   * The tool call as the agent sent it: its input, places and content, a diff for one that edits. What is large in it is `{blob, size, mimeType}`,
   * to be had from the session's blobs. Null where retention removed it.
   */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  detail: unknown;
  options: ApprovalOptionResponse[];
  /** Whether a decision may bring another input for the tool. */
  takesEdits: boolean;
  /** `pending`, `decided`, `expired` or `cancelled`. @example 'pending' */
  status: string;
  decision: DecisionResponse | null;
  /** Who decided it, or ended the wait. @example 'user:ada' */
  decidedBy: string | null;
  /** When it was decided, expired or was cancelled. */
  decidedAt: string | null;
  /** Why it expired or was cancelled. */
  reason: string | null;
  /** When it is given up where nobody decides it; null: never. */
  expiresAt: string | null;
  /** @example '2026-11-20T14:00:00.000Z' */
  createdAt: string;
  /** When the agent was told. */
  deliveredAt: string | null;

  static of(approval: ApprovalEntity): ApprovalResponse {
    const { id, sessionId, turn, kind, title, toolCallId, takesEdits, status, decidedBy, decidedAt, reason } = approval;
    const { detail, expiresAt, createdAt, deliveredAt } = approval;
    return {
      id,
      sessionId,
      turn,
      kind,
      title,
      toolCallId,
      detail: detail === null ? null : JSON.parse(detail),
      options: optionsOf(approval),
      takesEdits,
      status,
      decision: decisionOf(approval),
      decidedBy,
      decidedAt,
      reason,
      expiresAt,
      createdAt,
      deliveredAt,
    };
  }
}

export class ApprovalPageResponse {
  items: ApprovalResponse[];
  /** Null on the last page. */
  nextCursor: string | null;
  total?: number;
}
