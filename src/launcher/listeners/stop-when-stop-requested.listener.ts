import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class StopWhenStopRequestedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.stop-requested', { listener: 'launcher' })
  handle({ data, actor }: DomainEvent<'session.stop-requested'>): void {
    this.launcher.end(data.sessionId, { kind: 'stop', reason: `stopped by ${actor}` });
  }
}
