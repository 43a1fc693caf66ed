import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class InterruptWhenInterruptRequestedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.interrupt-requested', { listener: 'launcher' })
  handle({ data, position }: DomainEvent<'session.interrupt-requested'>): void {
    this.launcher.interrupt(data.sessionId, position);
  }
}
