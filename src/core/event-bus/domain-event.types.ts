/**
 * Every domain event by name, with its payload. Empty here: each feature adds its own in `<feature>.domain-events.ts`
 * by declaration merging, so that core knows no feature and yet a wrong name or payload does not compile.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by declaration merging
export interface DomainEventMap {}

export type DomainEventName = Extract<keyof DomainEventMap, string>;

/** What a domain event is about; decides who may hear of it. */
export interface DomainEventSubject {
  readonly workspaceId?: string | null;
  readonly sessionId?: string | null;
  readonly ownerId?: string | null;
  /** Id of the principal that caused it; `system` where nobody did. */
  readonly actor: string;
}

/** A committed fact. `position` is its place in the feed: 1, 2, 3 … without gaps. */
export interface DomainEvent<K extends DomainEventName = DomainEventName> {
  readonly position: number;
  readonly name: K;
  readonly workspaceId: string | null;
  readonly sessionId: string | null;
  readonly ownerId: string | null;
  readonly actor: string;
  readonly occurredAt: string;
  /** Of the request that caused it; null where none did. */
  readonly requestId: string | null;
  readonly data: DomainEventMap[K];
}

/** A handler of events named K. The generic decorators check a method against it. */
export type DomainEventHandler<K extends DomainEventName> = (event: DomainEvent<K>) => void | Promise<void>;
