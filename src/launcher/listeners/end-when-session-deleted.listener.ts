import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

@Injectable()
export class EndWhenSessionDeletedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.deleted', { listener: 'launcher' })
  handle({ data }: DomainEvent<'session.deleted'>): void {
    this.launcher.end(data.sessionId, { kind: 'deleted' });
  }
}
