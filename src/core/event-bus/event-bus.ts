import { Injectable } from '@nestjs/common';
import { EventEmitter2, OnEvent } from '@nestjs/event-emitter';
import type { DomainEvent, DomainEventHandler, DomainEventName } from './domain-event.types.js';

/** Keeps our names apart from those of an application that shares the emitter. */
const PREFIX = 'muster.';
const ANY = `${PREFIX}*`;

/**
 * Tells this process what was committed. A hint, never the truth: it is lost in a crash, and an effect that must happen belongs
 * into an outbox listener ({@link ../database/outbox-dispatcher.OnOutboxEvent}).
 */
@Injectable()
export class EventBus {
  constructor(private readonly emitter: EventEmitter2) {}

  publish(event: DomainEvent): void {
    this.emitter.emit(PREFIX + event.name, event);
    this.emitter.emit(ANY, event);
  }

  /** Calls `handler` for every event until the returned function is called. */
  subscribe(handler: (event: DomainEvent) => void): () => void {
    this.emitter.on(ANY, handler);
    return () => void this.emitter.off(ANY, handler);
  }
}

/**
 * Marks a method as a listener of one domain event of this process. `H` is inferred from the method, so a wrong name and a
 * wrong parameter are both compile errors.
 */
export function OnDomainEvent<K extends DomainEventName>(name: K) {
  const bind = OnEvent(PREFIX + name);
  return <H extends DomainEventHandler<K>>(target: object, key: string | symbol, descriptor: TypedPropertyDescriptor<H>): void => {
    bind(target, key, descriptor);
  };
}
