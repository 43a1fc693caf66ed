/** An admin had a process ended that no session of this server accounts for. */
export interface ProcessReaped {
  readonly processId: string;
  /** In clock ticks since boot. */
  readonly startedAt: number;
  readonly reason: string;
  /** The session that it says it belongs to. */
  readonly markedSessionId: string | null;
}

declare module '../core/event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'process.reaped': ProcessReaped;
  }
}
