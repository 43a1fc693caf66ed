import { Injectable } from '@nestjs/common';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { ApprovalRequests } from '../approval-requests.service.js';

@Injectable()
export class ForgetWhenSessionTrimmedListener {
  constructor(private readonly requests: ApprovalRequests) {}

  @OnOutboxEvent('session.trimmed', { listener: 'approvals' })
  handle({ data }: DomainEvent<'session.trimmed'>): Promise<void> {
    return this.requests.forget(data.sessionId, data.earliestSeq - 1);
  }
}
