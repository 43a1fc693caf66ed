import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import type { Page } from '../core/paging/page.js';
import { EventLog } from '../events/event-log.service.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { SessionLifecycle, subjectOf } from '../sessions/session-lifecycle.service.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import { decisionOf, optionsOf } from './approval-row.js';
import type { ApprovalOption, Decision } from './approval.types.js';
import {
  ApprovalClosedError,
  ApprovalDecidedError,
  ApprovalNotFoundError,
  EditsNotSupportedError,
  UnknownOptionError,
} from './approvals.errors.js';
import type { ListApprovalsQuery, PageApprovalsQuery } from './dto/approvals.dto.js';
import type { ApprovalEntity } from './persistence/approval.entity.js';
import { ApprovalsRepository } from './persistence/approvals.repository.js';

/** Questions of agents, for those who may see their sessions, and answer them. */
@Injectable()
export class ApprovalsService {
  constructor(
    private readonly approvals: ApprovalsRepository,
    private readonly scope: SessionScope,
    private readonly lifecycle: SessionLifecycle,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
  ) {}

  /** @throws ApprovalNotFoundError */
  async get(principal: Principal, id: string): Promise<ApprovalEntity> {
    const approval = await this.approvals.findVisible(id, this.scope.visibilityOf(principal));
    if (!approval) throw new ApprovalNotFoundError(id);
    return approval;
  }

  /** Newest first. @throws InvalidInputError where the cursor is not of this list */
  list(principal: Principal, { cursor, limit, total, ...filter }: ListApprovalsQuery): Promise<Page<ApprovalEntity>> {
    return this.approvals.list(filter, this.scope.visibilityOf(principal), { cursor, limit, total });
  }

  /** Those of one session. @throws SessionNotFoundError, InvalidInputError */
  async listOf(principal: Principal, session: string, query: PageApprovalsQuery): Promise<Page<ApprovalEntity>> {
    const { id: sessionId } = await this.scope.find(principal, session);
    return this.list(principal, { ...query, sessionId });
  }

  /**
   * Answers a question. The first valid decision counts; an equal one again gives it back.
   * @throws ApprovalNotFoundError, ForbiddenError, ApprovalDecidedError, ApprovalClosedError, UnknownOptionError, EditsNotSupportedError
   */
  async decide(principal: Principal, id: string, { optionId, text, edits }: Decision): Promise<ApprovalEntity> {
    const decision: Decision = { optionId, ...(text === undefined ? {} : { text }), ...(edits === undefined ? {} : { edits }) };
    const { sessionId } = await this.get(principal, id);
    await this.scope.findToEdit(principal, sessionId);
    return this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      const approval = await this.approvals.find(id);
      if (!approval) throw new ApprovalNotFoundError(id);
      const earlier = decisionOf(approval);
      if (isDeepStrictEqual(earlier, { ...decision })) return approval;
      const option = choose(approval, decision, earlier);
      const decided = { ...approval, ...this.decided(decision, principal) };
      await this.approvals.update(id, this.decided(decision, principal));
      await this.tell(work, session, decided, option, principal);
      return decided;
    });
  }

  private decided(decision: Decision, { id }: Principal): Pick<ApprovalEntity, 'status' | 'decision' | 'decidedBy' | 'decidedAt'> {
    return { status: 'decided', decision: JSON.stringify(decision), decidedBy: id, decidedAt: this.scope.nowIso() };
  }

  private async tell(work: Work, session: SessionEntity, approval: ApprovalEntity, option: ApprovalOption, by: Principal): Promise<void> {
    const { id, turn, title, toolCallId } = approval;
    const { text, edits } = decisionOf(approval) ?? {};
    const facts = { title, ...(toolCallId === null ? {} : { toolCallId }), optionId: option.optionId, by: by.id };
    const payload = {
      approvalId: id,
      state: 'decided',
      ...facts,
      ...(text === undefined ? {} : { reason: text }),
      ...(edits ? { edits } : {}),
    };
    await this.log.appendIn(work, session.id, [{ id: `${id}.decided`, type: 'approval', turn, source: 'api', actor: by.id, payload }]);
    work.emit('approval.decided', subjectOf(session, by), {
      approvalId: id,
      sessionId: session.id,
      optionId: option.optionId,
      optionKind: option.kind,
      by: by.id,
      ...(text === undefined ? {} : { text }),
      ...(edits ? { isEdited: true } : {}),
    });
    if (!(await this.approvals.hasPending(session.id))) await this.lifecycle.goOnIn(work, session, by);
  }
}

/** The option that is meant, where it still may be. @throws as {@link ApprovalsService.decide} */
function choose(approval: ApprovalEntity, decision: Decision, earlier: Decision | null): ApprovalOption {
  const { id, status, reason, decidedBy, decidedAt, takesEdits } = approval;
  if (earlier) throw new ApprovalDecidedError(id, earlier, decidedBy, decidedAt);
  if (status !== 'pending') throw new ApprovalClosedError(id, status, reason);
  const options = optionsOf(approval);
  const option = options.find(({ optionId }) => optionId === decision.optionId);
  if (!option) throw new UnknownOptionError(decision.optionId, options);
  if (decision.edits && !takesEdits) throw new EditsNotSupportedError();
  return option;
}
