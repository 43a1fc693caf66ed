import { Injectable } from '@nestjs/common';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
import { OnOutboxEvent } from '../../core/database/outbox-dispatcher.js';
import { Launcher } from '../launcher.service.js';

/** Also the first input of a session that was not to be launched before. */
@Injectable()
export class PromptWhenInputAcceptedListener {
  constructor(private readonly launcher: Launcher) {}

  @OnOutboxEvent('session.input-accepted', { listener: 'launcher' })
  handle({ data }: DomainEvent<'session.input-accepted'>): void {
    this.launcher.drive(data.sessionId);
  }
}
