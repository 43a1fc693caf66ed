/** What another Nest application may use: see docs/embedding.md. */
export { Authenticator } from './auth/authenticator.service.js';
export { SYSTEM } from './auth/principal.types.js';
export type { Principal } from './auth/principal.types.js';
export type { DomainEvent, DomainEventMap, DomainEventName } from './core/event-bus/domain-event.types.js';
export { OnOutboxEvent } from './core/database/outbox-dispatcher.js';
export { EventBus, OnDomainEvent } from './core/event-bus/event-bus.js';
export { EventsService } from './events/events.service.js';
export { MusterModule } from './muster.module.js';
export type { MusterOptions } from './muster.module.js';
export { SessionCreation } from './sessions/session-creation.service.js';
export { SessionStops } from './sessions/session-stops.service.js';
export { SessionsService } from './sessions/sessions.service.js';
export { WorkspacesService } from './workspaces/workspaces.service.js';
