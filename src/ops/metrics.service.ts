import { Injectable, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { EventBus } from '../core/event-bus/event-bus.js';
import { EventLog } from '../events/event-log.service.js';
import { SessionCounts } from '../sessions/session-counts.service.js';

/** Figures of this process for Prometheus; nothing in them names a session or a person. */
@Injectable()
export class Metrics implements OnModuleInit {
  readonly registry = new Registry();

  constructor(
    private readonly bus: EventBus,
    private readonly log: EventLog,
    private readonly counts: SessionCounts,
  ) {}

  onModuleInit(): void {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const domainEvents = new Counter({
      name: 'muster_domain_events_total',
      help: 'Domain events committed by this process.',
      labelNames: ['name'],
      registers,
    });
    const sessionEvents = new Counter({
      name: 'muster_session_events_total',
      help: 'Session events committed by this process.',
      registers,
    });
    const { counts } = this;
    new Gauge({
      name: 'muster_sessions',
      help: 'Sessions by status.',
      labelNames: ['status'],
      registers,
      async collect() {
        this.reset();
        for (const { status, count } of await counts.byStatus()) this.set({ status }, count);
      },
    });
    this.bus.subscribe(({ name }) => domainEvents.inc({ name }));
    this.log.onCommitted(({ events }) => sessionEvents.inc(events.length));
  }
}
