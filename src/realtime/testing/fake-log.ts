import type { CommittedEvents, EventText, Head, OpenBlock, StoredEvent } from '../../events/event-log.types.js';
import { LogNotFoundError } from '../../events/events.errors.js';
import { eventText } from '../../events/wire-event.js';
import type { ReadableLog } from '../hub/log-pages.js';

export const SESSION = 's1';
export const EPOCH = '0a1b2c3d';

export const stored = (seq: number, changes: Partial<StoredEvent> = {}): StoredEvent => ({
  sessionId: SESSION,
  seq,
  id: `e${seq}`,
  turn: null,
  type: 'log',
  source: 'api',
  actor: 'admin',
  occurredAt: '2026-11-20T14:00:00.000Z',
  recordedAt: '2026-11-20T14:00:00.000Z',
  nativeId: null,
  payload: `{"level":"info","text":"${seq}"}`,
  ...changes,
});

/** A log in memory: what is committed is there at once, what is announced is up to the test. */
export class FakeLog implements ReadableLog {
  events: StoredEvent[] = [];
  open: OpenBlock[] = [];
  reads = 0;
  isGone = false;
  epoch = EPOCH;
  earliestSeq = 1;
  /** Called in the middle of each read, after its rows were chosen: what is committed and announced here is not in the page. */
  duringRead: () => void = () => undefined;

  get lastSeq(): number {
    return this.events.at(-1)?.seq ?? 0;
  }

  /** Commits `count` events; gives their announcement. */
  commit(count: number, { changes = {}, ended = false }: { changes?: Partial<StoredEvent>; ended?: boolean } = {}): CommittedEvents {
    const prev = this.lastSeq;
    const events = Array.from({ length: count }, (_, index) => stored(prev + 1 + index, changes));
    this.events.push(...events);
    return { sessionId: SESSION, epoch: EPOCH, prev, events, ended };
  }

  /** Retention: the first `count` payloads are gone. */
  trim(count: number): void {
    this.events = this.events.map((event) => (event.seq <= count ? { ...event, payload: null } : event));
    this.earliestSeq = count + 1;
  }

  async read(after: number, limit: number): Promise<EventText[]> {
    this.reads += 1;
    const page = this.isGone ? [] : this.events.filter(({ seq }) => seq > after).slice(0, limit);
    this.duringRead();
    return page.map(eventText);
  }

  async head(): Promise<Head> {
    if (this.isGone) throw new LogNotFoundError('gone');
    const { epoch, lastSeq, earliestSeq } = this;
    return { sessionId: SESSION, epoch, lastSeq, earliestSeq, messageCount: 0, ended: false };
  }

  openBlocks(): readonly OpenBlock[] {
    return this.open;
  }
}
