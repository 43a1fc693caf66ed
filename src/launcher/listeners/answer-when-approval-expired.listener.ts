import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { AgentQuestions } from '../agent-questions.service.js';

@Injectable()
export class AnswerWhenApprovalExpiredListener {
  constructor(private readonly questions: AgentQuestions) {}

  @OnOutboxEvent('approval.expired', { listener: 'launcher' })
  handle({ data }: DomainEvent<'approval.expired'>): Promise<void> {
    return this.questions.deliver(data.approvalId);
  }
}
