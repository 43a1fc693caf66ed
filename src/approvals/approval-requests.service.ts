import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Principal, SYSTEM } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { storable } from '../core/text.js';
import { parseObject } from '../core/json.js';
import { EventLog } from '../events/event-log.service.js';
import type { EventSource } from '../events/event-log.types.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { SessionLifecycle, subjectOf } from '../sessions/session-lifecycle.service.js';
import { SessionParts } from '../sessions/session-parts.service.js';
import { isLive } from '../sessions/session.state.js';
import { decisionOf, optionsOf } from './approval-row.js';
import { ApprovalSetting } from './approval-setting.js';
import { type Answer, isAllowing, type NewApproval } from './approval.types.js';
import type { ApprovalEntity } from './persistence/approval.entity.js';
import { ApprovalsRepository } from './persistence/approvals.repository.js';

const MAX_TITLE = 512;
const MAX_REASON = 8_000;
/** Questions that expire in one go. */
const BATCH = 100;
/** Questions that an agent may have open at a time, by far. */
const MAX_ANSWERS = 100;

/** The questions of agents, for those who drive them; it asks nobody's permission. */
@Injectable()
export class ApprovalRequests implements OnModuleInit {
  constructor(
    private readonly approvals: ApprovalsRepository,
    private readonly lifecycle: SessionLifecycle,
    private readonly log: EventLog,
    private readonly unit: UnitOfWork,
    private readonly parts: SessionParts,
    private readonly setting: ApprovalSetting,
  ) {}

  onModuleInit(): void {
    this.parts.add({
      close: (work, session, why, by) => this.closeAll(work, session, why, by),
      remove: (_work, sessionId) => this.approvals.removeOf(sessionId),
    });
  }

  /**
   * Stores a question and has its session wait for the answer; one that is stored already is given back as it stands. Null where the
   * session is over, or about to be: nobody is asked any more.
   */
  async request(asked: NewApproval): Promise<ApprovalEntity | null> {
    return this.unit.run(async (work) => {
      if (!(await this.log.tryLock(work, asked.sessionId))) return null;
      const known = await this.approvals.find(asked.id);
      if (known) return known;
      const session = await this.lifecycle.find(asked.sessionId);
      if (!session || !isLive(session.status) || session.stopRequestedAt !== null || session.suspendRequestedAt !== null) return null;
      const approval = await this.store(work, asked);
      const { id: approvalId, sessionId, turn, kind, toolCallId, expiresAt } = approval;
      work.emit(
        'approval.requested',
        { ...subjectOf(session, SYSTEM), actor: asked.actor },
        { approvalId, sessionId, turn, kind, toolCallId, expiresAt },
      );
      if (session.status === 'running' || session.status === 'idle') await this.lifecycle.moveIn(work, session, 'awaiting_approval', {});
      return approval;
    });
  }

  find(id: string): Promise<ApprovalEntity | null> {
    return this.approvals.find(id);
  }

  /** Gives up what a session is asked, because nobody waits for the answer. */
  async cancelAll(sessionId: string, why: string): Promise<void> {
    await this.unit.run(async (work) => {
      if (!(await this.log.tryLock(work, sessionId)) || !(await this.approvals.hasPending(sessionId))) return;
      const session = await this.lifecycle.find(sessionId);
      if (session) await this.lifecycle.goOnIn(work, session, SYSTEM, why);
    });
  }

  /** Gives up one question, if nobody has answered it yet. */
  async cancel(id: string, why: string): Promise<void> {
    await this.closeOne(id, 'cancelled', why);
  }

  /** Gives up what nobody has answered in time. True: there may be more. */
  async expireDue(): Promise<boolean> {
    const due = await this.approvals.due(this.setting.nowIso(), BATCH);
    for (const { id } of due) await this.closeOne(id, 'expired', 'nobody answered in time');
    return due.length === BATCH;
  }

  /** Ids of questions that came this way and wait. */
  pendingFrom(source: EventSource): Promise<string[]> {
    return this.approvals.pendingFrom(source);
  }

  /** When the next question is given up; null where none is to be. */
  nextExpiry(): Promise<string | null> {
    return this.approvals.nextExpiry();
  }

  /**
   * What a host of an agent may not have heard from an earlier life of this server: also what that life handed over, since it may have ended
   * before the host had it. A host takes an answer once.
   */
  async answersFor(hostId: string): Promise<Answer[]> {
    return (await this.approvals.closedAt(hostId, MAX_ANSWERS)).flatMap((each) => answerOf(each) ?? []);
  }

  async noteDelivered(id: string): Promise<void> {
    await this.unit.run(() => this.approvals.update(id, { deliveredAt: this.setting.nowIso() }));
  }

  /** Forgets what was asked with events up to `through`, as the log does. */
  async forget(sessionId: string, through: number): Promise<void> {
    await this.unit.run(() => this.approvals.forgetDetails(sessionId, through));
  }

  private async store(work: Work, asked: NewApproval): Promise<ApprovalEntity> {
    const { id, sessionId, turn, source, toolCallId, options, takesEdits, hostId, requestId, actor, toolCall } = asked;
    const [kind, title] = [storable(asked.kind, 64), storable(asked.title, MAX_TITLE)];
    const { createdAt, expiresAt } = this.setting.times(asked.timeoutMs);
    const facts = { kind, title, ...(toolCallId === null ? {} : { toolCallId }), ...(expiresAt === null ? {} : { expiresAt }) };
    const [appended] = await this.log.appendIn(work, sessionId, [
      {
        id: `${id}.pending`,
        type: 'approval',
        turn,
        source,
        actor,
        payload: { approvalId: id, state: 'pending', ...facts, toolCall, options },
      },
    ]);
    const [event] = await this.log.read(sessionId, { after: (appended?.seq ?? 0) - 1, limit: 1 });
    const approval: ApprovalEntity = {
      id,
      sessionId,
      turn,
      seq: appended?.seq ?? 0,
      source,
      kind,
      title,
      toolCallId: toolCallId === null ? null : storable(toolCallId, 1_024),
      // As the log has it: what is large lies beside it.
      detail: event?.payload ? JSON.stringify(parseObject(event.payload)['toolCall'] ?? null) : null,
      options: JSON.stringify(options),
      takesEdits,
      status: 'pending',
      decision: null,
      decidedBy: null,
      decidedAt: null,
      reason: null,
      expiresAt,
      createdAt,
      deliveredAt: null,
      hostId,
      requestId,
    };
    await this.approvals.add(approval);
    return approval;
  }

  private async closeOne(id: string, status: 'expired' | 'cancelled', why: string): Promise<void> {
    const seen = await this.approvals.find(id);
    if (seen?.status !== 'pending') return;
    await this.unit.run(async (work) => {
      if (!(await this.log.tryLock(work, seen.sessionId))) return;
      const [approval, session] = [await this.approvals.find(id), await this.lifecycle.find(seen.sessionId)];
      if (approval?.status !== 'pending' || !session) return;
      await this.closeIn(work, session, approval, status, why, SYSTEM);
      if (!(await this.approvals.hasPending(session.id))) await this.lifecycle.goOnIn(work, session, SYSTEM);
    });
  }

  private async closeAll(work: Work, session: SessionEntity, why: string, by: Principal): Promise<void> {
    for (const approval of await this.approvals.pendingOf(session.id)) await this.closeIn(work, session, approval, 'cancelled', why, by);
  }

  private async closeIn(
    work: Work,
    session: SessionEntity,
    { id, turn, toolCallId, title }: ApprovalEntity,
    status: 'expired' | 'cancelled',
    why: string,
    by: Principal,
  ): Promise<void> {
    const reason = storable(why, MAX_REASON);
    await this.approvals.update(id, { status, reason, decidedBy: by.id, decidedAt: this.setting.nowIso() });
    const facts = { title, ...(toolCallId === null ? {} : { toolCallId }), by: by.id, reason };
    await this.log.appendIn(work, session.id, [
      {
        id: `${id}.${status}`,
        type: 'approval',
        turn,
        source: 'system',
        actor: by.id,
        payload: { approvalId: id, state: status, ...facts },
      },
    ]);
    work.emit(`approval.${status}`, subjectOf(session, by), { approvalId: id, sessionId: session.id, status, reason });
  }
}

/** What an agent is to be told; null where it is still to wait, or waits otherwise. */
export function answerOf(approval: ApprovalEntity): Answer | null {
  const { id: approvalId, requestId, status } = approval;
  if (requestId === null || status === 'pending') return null;
  const options = optionsOf(approval);
  const chosen = status === 'decided' ? decisionOf(approval)?.optionId : refusalIn(options);
  const option = status === 'cancelled' ? undefined : options.find(({ optionId }) => optionId === chosen);
  return { approvalId, requestId, optionId: option?.optionId ?? null, isAllowed: option !== undefined && isAllowing(option) };
}

const refusalIn = (options: ReturnType<typeof optionsOf>): string | undefined =>
  (options.find(({ kind }) => kind === 'reject_once') ?? options.find(({ kind }) => kind === 'reject_always'))?.optionId;
