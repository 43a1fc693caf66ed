import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class SuspendWhenSuspendRequestedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.suspend-requested', { listener: 'launcher' })
  handle({ data, actor }: DomainEvent<'session.suspend-requested'>): void {
    this.launcher.end(data.sessionId, { kind: 'suspend', reason: `suspended by ${actor}` });
  }
}
