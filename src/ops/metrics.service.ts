import { Injectable, type OnModuleInit } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { Checkpoints } from '../core/database/checkpoints.service.js';
import { StorageState } from '../core/database/storage-state.js';
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
    private readonly storage: StorageState,
    private readonly checkpoints: Checkpoints,
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
    this.measureStorage();
    this.bus.subscribe(({ name }) => domainEvents.inc({ name }));
    this.log.onCommitted(({ events }) => sessionEvents.inc(events.length));
  }

  private measureStorage(): void {
    const registers = [this.registry];
    const { storage } = this;
    const { figures } = this.checkpoints;
    new Counter({
      name: 'muster_storage_failures_total',
      help: 'Units of work that failed because of what lies below the database, or between us and it.',
      labelNames: ['code'],
      registers,
      collect() {
        this.reset();
        for (const [code, count] of storage.failures) this.inc({ code }, count);
      },
    });
    new Gauge({
      name: 'muster_storage_writes_fail',
      help: '1 while writes to the database fail.',
      registers,
      collect() {
        this.set(storage.trouble ? 1 : 0);
      },
    });
    const checkpoints = [
      ['muster_checkpoints_total', 'Checkpoints of SQLite.', () => figures.checkpoints],
      ['muster_checkpoint_pages_total', 'Pages that checkpoints copied into the database.', () => figures.pages],
      ['muster_checkpoint_seconds_total', 'Seconds that checkpoints took, in their own thread.', () => figures.seconds],
      ['muster_checkpoint_failures_total', 'Checkpoints that failed.', () => figures.failures],
      ['muster_checkpoint_writer_pauses_total', 'Times that writers waited so that the log could begin anew.', () => figures.writerPauses],
    ] as const;
    for (const [name, help, value] of checkpoints)
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(value());
        },
      });
    new Gauge({
      name: 'muster_wal_pages',
      help: 'Pages in the write-ahead log of SQLite when it was last looked at.',
      registers,
      collect() {
        this.set(figures.logPages);
      },
    });
  }
}
