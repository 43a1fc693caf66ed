/** The database was found to be restored: numbers behind its last ones may have been others before. All cursors are new. */
export interface DatabaseRestored {
  /** Logs of sessions that were numbered anew. */
  readonly sessions: number;
}

declare module '../event-bus/domain-event.types.js' {
  interface DomainEventMap {
    'database.restored': DatabaseRestored;
  }
}
