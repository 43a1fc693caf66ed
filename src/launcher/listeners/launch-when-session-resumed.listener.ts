import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class LaunchWhenSessionResumedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.resumed', { listener: 'launcher' })
  handle({ data }: DomainEvent<'session.resumed'>): void {
    this.launcher.drive(data.sessionId);
  }
}
