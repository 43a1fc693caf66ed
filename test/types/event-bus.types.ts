import { OnOutboxEvent } from '../../src/core/database/outbox-dispatcher.js';
import type { Work } from '../../src/core/database/work.js';
import type { DomainEvent } from '../../src/core/event-bus/domain-event.types.js';
import { OnDomainEvent } from '../../src/core/event-bus/event-bus.js';
import '../../src/sessions/session.domain-events.js';

/** Compiled, never run: each line marked as an error must be one, or `tsc` fails. */
export class Listeners {
  @OnDomainEvent('session.created')
  right(_event: DomainEvent<'session.created'>): void {}

  @OnDomainEvent('session.created')
  withoutParameter(): void {}

  // @ts-expect-error -- there is no such event
  @OnDomainEvent('session.craeted')
  wrongName(_event: DomainEvent): void {}

  // @ts-expect-error -- the parameter is another event's
  @OnDomainEvent('session.created')
  wrongParameter(_event: DomainEvent<'session.deleted'>): void {}

  // @ts-expect-error -- the parameter is not an event at all
  @OnDomainEvent('session.created')
  notAnEvent(_event: string): void {}

  @OnOutboxEvent('session.deleted', { listener: 'test' })
  async rightOutbox(_event: DomainEvent<'session.deleted'>): Promise<void> {}

  // @ts-expect-error -- there is no such event
  @OnOutboxEvent('session.gone', { listener: 'test' })
  wrongOutboxName(_event: DomainEvent): void {}

  // @ts-expect-error -- the payload of session.deleted has no `agent`
  @OnOutboxEvent('session.deleted', { listener: 'test' })
  wrongOutboxParameter(_event: DomainEvent<'session.created'>): void {}
}

export function emits(work: Work): void {
  const subject = { actor: 'test' };
  work.emit('session.deleted', subject, { sessionId: 's', name: 'n', status: 'stopped' });
  // @ts-expect-error -- there is no such event
  work.emit('session.removed', subject, { sessionId: 's' });
  // @ts-expect-error -- a field is missing
  work.emit('session.deleted', subject, {});
  // @ts-expect-error -- a field has the wrong type
  work.emit('session.deleted', subject, { sessionId: 1, name: 'n', status: 'stopped' });
}
