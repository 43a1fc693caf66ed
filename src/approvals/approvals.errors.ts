import { DomainError } from '../core/errors/domain.error.js';
import type { ApprovalOption, Decision } from './approval.types.js';

/** There is none of this id, or it may not be seen. */
export class ApprovalNotFoundError extends DomainError {
  readonly code = 'approval_not_found';
  readonly kind = 'not_found';
  constructor(id: string) {
    super(`There is no approval ${JSON.stringify(id.slice(0, 100))}.`);
  }
}

/** Somebody else was first, and decided otherwise. */
export class ApprovalDecidedError extends DomainError {
  readonly code = 'approval_decided';
  readonly kind = 'conflict';
  constructor(approvalId: string, decision: Decision, decidedBy: string | null, decidedAt: string | null) {
    super(`It was decided already: ${JSON.stringify(decision.optionId)}, by ${decidedBy ?? 'nobody known'}.`, {
      remedy: 'The first decision counts. To take it back, interrupt the session.',
      context: { approvalId, decision, decidedBy, decidedAt },
    });
  }
}

/** Nobody waits for the answer any more. */
export class ApprovalClosedError extends DomainError {
  readonly code = 'approval_closed';
  readonly kind = 'conflict';
  constructor(approvalId: string, status: string, reason: string | null) {
    super(`Nobody waits for an answer: the approval is ${status}${reason === null ? '' : ` (${reason})`}.`, {
      remedy: 'Send the session another prompt if it is still to be done.',
      context: { approvalId, status, reason },
    });
  }
}

/** The agent does not offer this option. */
export class UnknownOptionError extends DomainError {
  readonly code = 'unknown_option';
  readonly kind = 'invalid_input';
  constructor(optionId: string, options: readonly ApprovalOption[]) {
    const possible = options.map((option) => option.optionId);
    super(`optionId: there is no option ${JSON.stringify(optionId.slice(0, 100))}.`, {
      remedy: `Choose one of: ${possible.join(', ')}.`,
      issues: [{ path: 'optionId', message: `one of: ${possible.join(', ')}` }],
      context: { possible },
    });
  }
}

/** The agent takes yes or no, but no other input for its tool. */
export class EditsNotSupportedError extends DomainError {
  readonly code = 'edits_not_supported';
  readonly kind = 'conflict';
  constructor() {
    super('This agent takes no changes to what it wants to do.', {
      remedy: 'Reject it, and say in a prompt what it should do instead.',
    });
  }
}
