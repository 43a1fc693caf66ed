import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class LaunchWhenSessionCreatedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.created', { listener: 'launcher' })
  handle({ data }: DomainEvent<'session.created'>): void {
    if (data.launch) this.launcher.drive(data.sessionId);
  }
}
