import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { Database } from '../core/database/database.js';
import { outside, UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { isUnavailable } from '../core/errors/domain.error.js';
import { newEpoch } from '../core/ids.js';
import { Shutdown } from '../core/shutdown.js';
import { type Cursor, formatCursor } from './cursor.js';
import type { Appended, AppendResult, CommittedEvents, EventDraft, Growth, EventText, Head, StoredEvent } from './event-log.types.js';
import { prepareEvent, type PreparedEvent } from './event-preparation.js';
import { LogNotFoundError, ResyncRequiredError } from './events.errors.js';
import { GroupFlush, type Waiting } from './group-flush.js';
import { type KnownEvent, numberEvents } from './numbering.js';
import { BlobsStore } from './persistence/blobs.store.js';
import { EventLogStore } from './persistence/event-log.store.js';

/** Keeps something in step with the logs, within their transaction; `fresh` are new events only, in order. */
export type Projection = (work: Work, growths: readonly Growth[]) => Promise<void>;

/** Events for one session's log. */
interface Addition {
  readonly sessionId: string;
  readonly events: readonly PreparedEvent[];
}

export interface AppendInOptions {
  /** This is the last thing the log takes. */
  readonly ends?: boolean;
  /** Opens a log that had ended (a suspended external session that goes on). */
  readonly reopens?: boolean;
}

/**
 * The log of every session: the only truth. Appends that wait while a flush runs share the next transaction; an acknowledgement
 * waits for its commit. Numbers are 1, 2, 3 … a session, given and written in one transaction through the head row.
 */
@Injectable()
export class EventLog implements OnModuleInit {
  private readonly flush: GroupFlush;
  private readonly projections: Projection[] = [];
  private readonly listeners = new Set<(committed: CommittedEvents) => void>();

  constructor(
    private readonly store: EventLogStore,
    private readonly unit: UnitOfWork,
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly shutdown: Shutdown,
    private readonly blobs: BlobsStore,
  ) {
    this.flush = new GroupFlush(
      // A flush is everybody's: it belongs to no unit, and to no request.
      (group) => outside(this.db, () => this.unit.run((work) => this.writeGroup(work, group))),
      isUnavailable,
    );
  }

  onModuleInit(): void {
    this.shutdown.beforeDatabaseCloses(() => this.flush.drained());
  }

  /** Opens the log of a new session, within the unit that makes it. */
  async open(work: Work, sessionId: string): Promise<void> {
    await this.store.insertHead(work, sessionId, newEpoch());
  }

  /**
   * Appends one after the other, with a result each: a bad one does not refuse the others. Resolves when all of it is on disk.
   * @throws LogOverloadedError, LogNotFoundError
   */
  async append(sessionId: string, drafts: readonly EventDraft[]): Promise<AppendResult[]> {
    const nowIso = this.clock.nowIso();
    const prepared = drafts.map((draft) => attempt(() => prepareEvent(draft, nowIso)));
    const events = prepared.flatMap((each) => (each.ok ? [each.value] : []));
    const results = events.length > 0 ? await this.flush.add(sessionId, events) : [];
    return prepared.map((each) => (each.ok ? (results.shift() ?? missing()) : each));
  }

  /** Appends one. @throws what {@link append} gives as its error */
  async appendOne(sessionId: string, draft: EventDraft): Promise<Appended> {
    const [result] = await this.append(sessionId, [draft]);
    if (!result) throw noLog(sessionId);
    if (!result.ok) throw result.error;
    return result.value;
  }

  /** Appends inside a unit of work, all or nothing. @throws DomainError of the first that fails */
  async appendIn(work: Work, sessionId: string, drafts: readonly EventDraft[], options: AppendInOptions = {}): Promise<Appended[]> {
    const nowIso = this.clock.nowIso();
    const events = drafts.map((draft) => prepareEvent(draft, nowIso));
    const results = (await this.write(work, [{ sessionId, events }], options)).get(sessionId);
    if (!results) throw noLog(sessionId);
    return results.map((result) => {
      if (!result.ok) throw result.error;
      return result.value;
    });
  }

  /** Locks the log for this unit: the first thing a unit does that changes a session (lock order: heads, then the outbox counter). */
  async lock(work: Work, sessionId: string): Promise<Head> {
    const head = await this.tryLock(work, sessionId);
    if (!head) throw noLog(sessionId);
    return head;
  }

  /** As {@link lock}; undefined where there is no such log. */
  async tryLock(work: Work, sessionId: string): Promise<Head | undefined> {
    const [head] = await this.store.lockHeads(work, [sessionId]);
    return head;
  }

  /** @throws LogNotFoundError */
  async head(sessionId: string): Promise<Head> {
    const head = await this.store.findHead(sessionId);
    if (!head) throw noLog(sessionId);
    return head;
  }

  /** Where several logs stand; those that are not there are left out. */
  heads(sessionIds: readonly string[]): Promise<Head[]> {
    return this.store.findHeads(sessionIds);
  }

  /**
   * Events with `after < seq`, or the last ones with `seq < before`; always in order of `seq`, and only such as are kept.
   * @throws ResyncRequiredError where what follows `after` was trimmed, also since the head was looked at
   */
  async read(
    sessionId: string,
    range: { after?: number; before?: number; limit: number; types?: readonly string[] },
  ): Promise<StoredEvent[]> {
    const events = await this.store.read(sessionId, range);
    if (events[0]?.payload !== null) return events;
    const { after } = range;
    if (after !== undefined) {
      const head = await this.head(sessionId);
      this.assertReadable(head, { epoch: head.epoch, seq: after });
    }
    return events.filter(({ payload }) => payload !== null);
  }

  /** The texts of the events with `after < seq`, in order; of those that are no longer kept the payload is `null`. */
  readTexts(sessionId: string, after: number, limit: number): Promise<EventText[]> {
    return this.store.readTexts(sessionId, after, limit);
  }

  /** The number behind which a reader with this cursor reads on; the bare 0 begins with the first event that is kept. */
  startOf(head: Head, { epoch, seq }: Cursor): number {
    return epoch === null ? Math.max(seq, head.earliestSeq - 1) : seq;
  }

  /** Checks that reading on from `cursor` leaves no hole. @throws ResyncRequiredError with the earliest cursor */
  assertReadable(head: Head, cursor: Cursor): void {
    const reason =
      cursor.epoch !== null && cursor.epoch !== head.epoch
        ? 'the log was numbered anew'
        : cursor.seq > head.lastSeq
          ? 'the cursor is beyond the end'
          : cursor.epoch !== null && cursor.seq + 1 < head.earliestSeq
            ? 'the events behind it are no longer kept'
            : undefined;
    if (!reason) return;
    const earliest = formatCursor(head.epoch, head.earliestSeq - 1);
    throw new ResyncRequiredError(`This cursor can't be read on from: ${reason}.`, {
      remedy: `Start again from ${earliest}.`,
      context: { sessionId: head.sessionId, reason, earliest },
    });
  }

  async remove(work: Work, sessionId: string): Promise<void> {
    await this.store.remove(work, sessionId);
    await this.blobs.remove(work, sessionId);
  }

  /** Hears what was committed, in this process, in order for each session; a hint: what is missed is in the log. */
  onCommitted(listener: (committed: CommittedEvents) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  addProjection(projection: Projection): void {
    this.projections.push(projection);
  }

  private async writeGroup(work: Work, group: readonly Waiting[]): Promise<(() => void)[]> {
    const bySession = new Map<string, Waiting[]>();
    for (const each of group) {
      const own = bySession.get(each.sessionId);
      if (own) own.push(each);
      else bySession.set(each.sessionId, [each]);
    }
    const additions = [...bySession].map(([sessionId, own]) => ({ sessionId, events: own.flatMap(({ events }) => events) }));
    const written = await this.write(work, additions, {});
    return group.map(({ sessionId, events, resolve, reject }) => {
      const own = written.get(sessionId)?.splice(0, events.length);
      return own ? () => resolve(own) : () => reject(noLog(sessionId));
    });
  }

  /** Numbers and stores: a result an event for each session; a session without a log has none. */
  private async write(work: Work, additions: readonly Addition[], options: AppendInOptions): Promise<Map<string, AppendResult[]>> {
    const heads = new Map(
      (await this.store.lockHeads(work, additions.map(({ sessionId }) => sessionId).sort())).map((head) => [head.sessionId, head]),
    );
    const known = await this.store.findByIds(work, additions);
    const recordedAt = this.clock.nowIso();
    const results = new Map<string, AppendResult[]>();
    const growths: Growth[] = [];
    for (const { sessionId, events } of additions) {
      const head = heads.get(sessionId);
      if (!head) continue;
      const numbered = numberEvents(head, events, known.get(sessionId) ?? NONE, !head.ended || options.reopens === true);
      results.set(sessionId, numbered.results);
      const ended = options.ends ?? (options.reopens ? false : head.ended);
      if (numbered.fresh.length > 0 || options.ends) growths.push({ head, fresh: numbered.fresh, ended });
    }
    if (growths.length === 0) return results;
    await this.store.grow(work, growths, recordedAt);
    await this.blobs.store(work, growths);
    for (const project of this.projections) await project(work, growths);
    for (const { head, fresh, ended } of growths) work.afterCommit(() => this.tell(head, fresh, recordedAt, ended));
    return results;
  }

  private tell({ sessionId, epoch, lastSeq: prev }: Head, fresh: readonly PreparedEvent[], recordedAt: string, ended: boolean): void {
    const events = fresh.map((event, index) => storedOf(event, sessionId, prev + 1 + index, recordedAt));
    this.listeners.forEach((listener) => listener({ sessionId, epoch, prev, ended, events }));
  }
}

/** As it is read from the log: without what only its projections need. */
const storedOf = (
  { id, turn, type, source, actor, occurredAt, nativeId, payload }: PreparedEvent,
  sessionId: string,
  seq: number,
  recordedAt: string,
): StoredEvent => ({ sessionId, seq, id, turn, type, source, actor, occurredAt, recordedAt, nativeId, payload });

const NONE: ReadonlyMap<string, KnownEvent> = new Map();

const noLog = (sessionId: string): LogNotFoundError => new LogNotFoundError(`There is no session ${sessionId}.`);

const missing = (): AppendResult => ({ ok: false, error: new Error('an append without a result') });

function attempt<T>(make: () => T): { ok: true; value: T } | { ok: false; error: Error } {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}
