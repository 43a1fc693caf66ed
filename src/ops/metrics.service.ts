import { Injectable, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { EventBus } from '../core/event-bus/event-bus.js';
import { REFUSALS, Refusals } from '../core/http/refusals.service.js';
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
    private readonly refusals: Refusals,
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
    const { counts, refusals } = this;
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
    new Counter({
      name: 'muster_refusals_total',
      help: 'What was turned away because it was too much, and wrong credentials.',
      labelNames: ['refusal'],
      registers,
      collect() {
        this.reset();
        for (const refusal of REFUSALS) this.inc({ refusal }, refusals.counts.get(refusal) ?? 0);
      },
    });
    this.bus.subscribe(({ name }) => domainEvents.inc({ name }));
    this.log.onCommitted(({ events }) => sessionEvents.inc(events.length));
  }
}
