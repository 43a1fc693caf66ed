import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class EndWhenSessionExpiredListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.status-changed', { listener: 'launcher' })
  handle({ data }: DomainEvent<'session.status-changed'>): void {
    if (data.to === 'expired') this.launcher.end(data.sessionId, { kind: 'stop', reason: 'its session has expired' });
  }
}
