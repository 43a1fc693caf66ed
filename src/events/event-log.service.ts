import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { Database } from '../core/database/database.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { isUnavailable } from '../core/errors/domain.error.js';
import { requestContext } from '../core/http/request-context.js';
import { newEpoch } from '../core/ids.js';
import { Shutdown } from '../core/shutdown.js';
import { type Cursor, formatCursor } from './cursor.js';
import type { Appended, CommittedEvents, EventDraft, Head, StoredEvent } from './event-log.types.js';
import { prepareEvent, type PreparedEvent } from './event-preparation.js';
import { EventConflictError, LogNotFoundError, LogOverloadedError, ResyncRequiredError, SessionEndedError } from './events.errors.js';
import { EventLogStore } from './persistence/event-log.store.js';

/** Events that may wait for a flush; past it an append is refused, with nothing of it written. */
const MAX_WAITING = 50_000;
/** Events one transaction takes at most, so that a waiting caller is not held up by a flood of others. */
const MAX_FLUSH = 2_000;

export type AppendResult = { readonly ok: true; readonly value: Appended } | { readonly ok: false; readonly error: Error };

/** Keeps something in step with the log, within its transaction; `events` are new ones only, in order. */
export type Projection = (work: Work, sessionId: string, events: readonly PreparedEvent[]) => Promise<void>;

interface Waiting {
  readonly sessionId: string;
  readonly events: readonly PreparedEvent[];
  readonly resolve: (results: AppendResult[]) => void;
  readonly reject: (error: unknown) => void;
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
  private readonly waiting: Waiting[] = [];
  private waitingEvents = 0;
  private flushing: Promise<void> | undefined;
  private readonly projections: Projection[] = [];
  private readonly listeners = new Set<(committed: CommittedEvents) => void>();

  constructor(
    private readonly store: EventLogStore,
    private readonly unit: UnitOfWork,
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly shutdown: Shutdown,
  ) {}

  onModuleInit(): void {
    this.shutdown.beforeDatabaseCloses(() => this.drained());
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
    const results = events.length > 0 ? await this.enqueue(sessionId, events) : [];
    return prepared.map((each) => (each.ok ? (results.shift() ?? missing()) : each));
  }

  /** Appends one. @throws what {@link append} gives as its error */
  async appendOne(sessionId: string, draft: EventDraft): Promise<Appended> {
    const [result] = await this.append(sessionId, [draft]);
    if (!result) throw new LogNotFoundError(`There is no session ${sessionId}.`);
    if (!result.ok) throw result.error;
    return result.value;
  }

  /** Appends inside a unit of work, all or nothing. @throws DomainError of the first that fails */
  async appendIn(work: Work, sessionId: string, drafts: readonly EventDraft[], options: AppendInOptions = {}): Promise<Appended[]> {
    const nowIso = this.clock.nowIso();
    const events = drafts.map((draft) => prepareEvent(draft, nowIso));
    const results = await this.write(work, sessionId, events, options);
    return results.map((result) => {
      if (!result.ok) throw result.error;
      return result.value;
    });
  }

  /** Locks the log for this unit: the first thing a unit does that changes a session (lock order: heads, then the outbox counter). */
  async lock(work: Work, sessionId: string): Promise<Head> {
    const head = await this.tryLock(work, sessionId);
    if (!head) throw new LogNotFoundError(`There is no session ${sessionId}.`);
    return head;
  }

  /** As {@link lock}; undefined where there is no such log. */
  tryLock(work: Work, sessionId: string): Promise<Head | undefined> {
    return this.store.lockHead(work, sessionId);
  }

  /** @throws LogNotFoundError */
  async head(sessionId: string): Promise<Head> {
    const head = await this.store.findHead(sessionId);
    if (!head) throw new LogNotFoundError(`There is no session ${sessionId}.`);
    return head;
  }

  /** Where several logs stand; those that are not there are left out. */
  heads(sessionIds: readonly string[]): Promise<Head[]> {
    return this.store.findHeads(sessionIds);
  }

  /** Events with `after < seq`, or the last ones with `seq < before`; always in order of `seq`. */
  read(sessionId: string, range: { after?: number; before?: number; limit: number; types?: readonly string[] }): Promise<StoredEvent[]> {
    return this.store.read(sessionId, range);
  }

  /** Checks that reading on from `cursor` leaves no hole. @throws ResyncRequiredError with the earliest cursor */
  assertReadable(head: Head, cursor: Cursor): void {
    const reason =
      cursor.epoch !== null && cursor.epoch !== head.epoch
        ? 'the log was numbered anew'
        : cursor.seq > head.lastSeq
          ? 'the cursor is beyond the end'
          : cursor.seq + 1 < head.earliestSeq
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
  }

  /** Hears what was committed, in this process, in order for each session; a hint: what is missed is in the log. */
  onCommitted(listener: (committed: CommittedEvents) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  addProjection(projection: Projection): void {
    this.projections.push(projection);
  }

  /** Resolves when everything that waits is on disk. */
  private async drained(): Promise<void> {
    while (this.flushing) await this.flushing;
  }

  private enqueue(sessionId: string, events: readonly PreparedEvent[]): Promise<AppendResult[]> {
    if (this.waitingEvents + events.length > MAX_WAITING)
      throw new LogOverloadedError('Too many events wait to be stored.', { remedy: 'Send the same again in a moment.', retryAfterS: 1 });
    return new Promise((resolve, reject) => {
      this.waiting.push({ sessionId, events, resolve, reject });
      this.waitingEvents += events.length;
      // A flush is everybody's: it belongs to no unit, and to no request.
      this.flushing ??= requestContext.exit(() => this.db.current.exit(() => this.flushAll()));
    });
  }

  private async flushAll(): Promise<void> {
    // One turn of the event loop lets requests that arrived together share the first transaction too.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      const group = this.takeGroup();
      try {
        const settled = await this.unit.run((work) => this.writeGroup(work, group));
        settled.forEach((settle) => settle());
      } catch (error) {
        // What hinders the database hinders all of them alike.
        if (group.length === 1 || isUnavailable(error)) group.forEach((each) => each.reject(error));
        else await this.writeEach(group);
      }
    }
    this.flushing = undefined;
  }

  /** One by one, so that what can't be written fails alone. */
  private async writeEach(group: readonly Waiting[]): Promise<void> {
    for (const each of group) {
      try {
        const settled = await this.unit.run((work) => this.writeGroup(work, [each]));
        settled.forEach((settle) => settle());
      } catch (error) {
        each.reject(error);
      }
    }
  }

  private takeGroup(): Waiting[] {
    const group: Waiting[] = [];
    let size = 0;
    for (let next = this.waiting[0]; next && (group.length === 0 || size + next.events.length <= MAX_FLUSH); next = this.waiting[0]) {
      group.push(next);
      size += next.events.length;
      this.waiting.shift();
    }
    this.waitingEvents -= size;
    return group;
  }

  private async writeGroup(work: Work, group: readonly Waiting[]): Promise<(() => void)[]> {
    const bySession = new Map<string, Waiting[]>();
    for (const each of group) bySession.set(each.sessionId, [...(bySession.get(each.sessionId) ?? []), each]);
    const settled: (() => void)[] = [];
    for (const sessionId of [...bySession.keys()].sort()) {
      const waiting = bySession.get(sessionId) ?? [];
      try {
        const results = await this.write(
          work,
          sessionId,
          waiting.flatMap((each) => each.events),
          {},
        );
        for (const each of waiting) {
          const own = results.splice(0, each.events.length);
          settled.push(() => each.resolve(own));
        }
      } catch (error) {
        if (!(error instanceof LogNotFoundError)) throw error;
        waiting.forEach((each) => settled.push(() => each.reject(error)));
      }
    }
    return settled;
  }

  private async write(work: Work, sessionId: string, events: readonly PreparedEvent[], options: AppendInOptions): Promise<AppendResult[]> {
    const head = await this.lock(work, sessionId);
    const known = await this.store.findByIds(
      work,
      sessionId,
      events.map((each) => each.id),
    );
    const fresh: PreparedEvent[] = [];
    const recordedAt = this.clock.nowIso();
    const results = events.map((event): AppendResult => {
      const first = known.get(event.id);
      if (first && first.hash !== event.hash)
        return {
          ok: false,
          error: new EventConflictError(`The event ${event.id} is there already (seq ${first.seq}), with other content.`, {
            remedy: 'Draw a new id for a new event.',
            context: { id: event.id, seq: first.seq },
          }),
        };
      if (first) return { ok: true, value: { id: event.id, seq: first.seq, duplicate: true } };
      if (head.ended && !options.reopens)
        return {
          ok: false,
          error: new SessionEndedError('The session has ended: its log accepts nothing more.', {
            remedy: 'Start a new session.',
          }),
        };
      fresh.push(event);
      const seq = head.lastSeq + fresh.length;
      known.set(event.id, { seq, hash: event.hash });
      return { ok: true, value: { id: event.id, seq, duplicate: false } };
    });
    if (fresh.length === 0 && !options.ends) return results;
    const ended = options.ends ?? (options.reopens ? false : head.ended);
    await this.store.insert(work, head, fresh, recordedAt, ended);
    for (const project of this.projections) await project(work, sessionId, fresh);
    const committed: CommittedEvents = {
      sessionId,
      epoch: head.epoch,
      prev: head.lastSeq,
      ended,
      events: fresh.map((event, index) => ({ ...event, sessionId, seq: head.lastSeq + 1 + index, recordedAt })),
    };
    work.afterCommit(() => this.listeners.forEach((listener) => listener(committed)));
    return results;
  }
}

const missing = (): AppendResult => ({ ok: false, error: new Error('an append without a result') });

function attempt<T>(make: () => T): { ok: true; value: T } | { ok: false; error: Error } {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
}
