import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { Clock } from '../clock.js';
import type { DomainEvent, DomainEventHandler, DomainEventName } from '../event-bus/domain-event.types.js';
import { EventBus } from '../event-bus/event-bus.js';
import { onBehalfOf } from '../http/request-context.js';
import { Database } from './database.js';
import { Outbox } from './outbox.js';
import { UnitOfWork } from './unit-of-work.js';

const METADATA = 'muster:outbox-listener';
const BATCH = 100;
/** A committed event that nobody announced (another process wrote it) is found this late at most. */
const POLL_MS = 1_000;
const BACK_OFF_MS = [100, 500, 2_000, 10_000] as const;

interface Binding {
  readonly listener: string;
  readonly name: DomainEventName;
}

/**
 * Marks a method as part of a listener with effects. All methods of one `listener` share a cursor in `listener_cursors`; events
 * come in order, at least once, also those of a time when the process was down. A handler that throws is called again. It runs on behalf
 * of the request that caused the event; what goes on for longer than that leaves it.
 */
export function OnOutboxEvent<K extends DomainEventName>(name: K, options: { listener: string }) {
  return <H extends DomainEventHandler<K>>(_target: object, _key: string | symbol, descriptor: TypedPropertyDescriptor<H>): void => {
    if (descriptor.value) Reflect.defineMetadata(METADATA, { listener: options.listener, name } satisfies Binding, descriptor.value);
  };
}

type AnyHandler = (event: DomainEvent) => unknown;

/** Feeds the listeners with effects from the outbox. The bus only wakes it. */
@Injectable()
export class OutboxDispatcher implements OnApplicationBootstrap {
  private readonly logger = new Logger(OutboxDispatcher.name);
  private readonly listeners = new Map<string, ListenerLoop>();
  private poll: NodeJS.Timeout | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly outbox: Outbox,
    private readonly work: UnitOfWork,
    private readonly bus: EventBus,
    private readonly clock: Clock,
    private readonly db: Database,
  ) {}

  onApplicationBootstrap(): void {
    for (const [listener, handlers] of this.discover()) this.listeners.set(listener, this.loop(listener, handlers));
    const wake = () => this.listeners.forEach((each) => each.wake());
    this.unsubscribe = this.bus.subscribe(wake);
    this.poll = setInterval(wake, POLL_MS).unref();
    wake();
  }

  /** Ends feeding; resolves when no handler is under way. */
  async stop(): Promise<void> {
    clearInterval(this.poll);
    this.unsubscribe?.();
    await Promise.all([...this.listeners.values()].map((each) => each.stop()));
  }

  private discover(): Map<string, Map<DomainEventName, AnyHandler>> {
    const found = new Map<string, Map<DomainEventName, AnyHandler>>();
    const scanner = new MetadataScanner();
    const reflector = new Reflector();
    for (const { instance } of this.discovery.getProviders()) {
      if (!isObject(instance)) continue;
      const prototype: unknown = Object.getPrototypeOf(instance);
      if (!isObject(prototype)) continue;
      for (const key of scanner.getAllMethodNames(prototype)) {
        const method = instance[key];
        if (!isHandler(method)) continue;
        const binding = reflector.get<Binding | undefined>(METADATA, method);
        if (!binding) continue;
        const handlers = found.get(binding.listener) ?? new Map<DomainEventName, AnyHandler>();
        handlers.set(binding.name, method.bind(instance));
        found.set(binding.listener, handlers);
      }
    }
    return found;
  }

  private loop(listener: string, handlers: Map<DomainEventName, AnyHandler>): ListenerLoop {
    return new ListenerLoop(listener, handlers, this.logger, {
      position: async () => {
        const [row] = await this.db.query<{ position: number | string }>('select position from listener_cursors where listener = ?', [
          listener,
        ]);
        return row ? Number(row.position) : 0;
      },
      read: (after) => this.outbox.read(after, BATCH),
      advance: (position) =>
        this.work.run(async (work) => {
          await work.query(
            'insert into listener_cursors (listener, position, updated_at) values (?, ?, ?) on conflict (listener) do update set position = excluded.position, updated_at = excluded.updated_at',
            [listener, position, this.clock.nowIso()],
          );
        }),
    });
  }
}

interface ListenerStore {
  position(): Promise<number>;
  read(after: number): Promise<DomainEvent[]>;
  advance(position: number): Promise<void>;
}

/** One listener's way through the outbox. */
class ListenerLoop {
  private running: Promise<void> | undefined;
  private isWoken = false;
  private isStopped = false;
  private position: number | undefined;
  private failures = 0;
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly listener: string,
    private readonly handlers: ReadonlyMap<DomainEventName, AnyHandler>,
    private readonly logger: Logger,
    private readonly store: ListenerStore,
  ) {}

  wake(): void {
    this.isWoken = true;
    if (this.isStopped || this.running || this.retry) return;
    this.running = this.run().finally(() => {
      this.running = undefined;
      if (this.isWoken) this.wake();
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.retry);
    await this.running;
  }

  private async run(): Promise<void> {
    this.isWoken = false;
    try {
      while (!this.isStopped && (await this.step()));
      this.failures = 0;
    } catch (error) {
      const delay = BACK_OFF_MS[Math.min(this.failures++, BACK_OFF_MS.length - 1)];
      this.logger.warn({ msg: 'a listener failed and will be called again', listener: this.listener, delayMs: delay, err: error });
      this.retry = setTimeout(() => {
        this.retry = undefined;
        this.wake();
      }, delay).unref();
    }
  }

  /** Handles one batch; false when there was none. The cursor moves past events nobody listens to only together with a handled one, or a full batch. */
  private async step(): Promise<boolean> {
    this.position ??= await this.store.position();
    const events = await this.store.read(this.position);
    for (const event of events) {
      if (this.isStopped) return false;
      const handler = this.handlers.get(event.name);
      if (handler) {
        await onBehalfOf(event.requestId, () => handler(event));
        await this.store.advance(event.position);
      }
      this.position = event.position;
    }
    return events.length > 0;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isHandler = (value: unknown): value is AnyHandler => typeof value === 'function';
