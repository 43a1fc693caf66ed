import { Logger } from '@nestjs/common';
import { UnauthenticatedError } from '../../auth/auth.errors.js';
import type { LiveAccess } from '../../auth/live-access.state.js';
import type { Principal } from '../../auth/principal.types.js';
import { DomainError } from '../../core/errors/domain.error.js';
import type { JsonObject } from '../../core/json.js';
import { CLOSE } from '../../core/websocket/close-codes.js';
import type { Cursor } from '../../events/cursor.js';
import { LogNotFoundError } from '../../events/events.errors.js';
import type { OutFrame } from '../../realtime/out-frame.js';
import type { Streams } from '../../realtime/hub/streams.service.js';
import { isEnded } from '../../sessions/session.state.js';
import { SessionNotFoundError } from '../../sessions/sessions.errors.js';
import { type LoggedEvent, type ToldEvent, toldEvent } from './ao-event.js';
import {
  type Changes,
  createdFrame,
  deletedFrame,
  eventFrame,
  type Heard,
  heardIn,
  initFrame,
  type SessionStatusOf,
  updatedFrame,
} from './ao-frames.js';
import { keptIn, rowOf, type SessionFacts, sessionIdOf, shownStatus } from './ao-session-row.js';
import { type AoFrame, type AoOutlet, LaterFrame } from './ao-outlet.js';

/** A session with the place behind which its events are news. */
export interface PlacedSession {
  readonly facts: SessionFacts;
  readonly after: Cursor;
}

export interface AoSources {
  /** Events of different sessions come in the order of their commits, until what it gives is called. */
  readonly keepOrder: () => () => void;
  readonly streams: Streams;
  /** Where the feed stands. */
  readonly feedHead: () => Promise<Cursor>;
  /** All that may be seen, newest first; each row is at least as new as its place. */
  readonly sessions: (principal: Principal) => Promise<PlacedSession[]>;
  /** One session, with the beginning of its log as its place. */
  readonly session: (principal: Principal, id: string) => Promise<PlacedSession>;
  /** How many bytes of a payload are kept beside the log; 0: it is whole. */
  readonly bytesBeside: (payload: JsonObject) => number;
  readonly whole: (principal: Principal, id: string, payload: JsonObject) => Promise<JsonObject>;
}

/** A session that this connection knows. Its facts follow what is sent, so that a row always fits the events before it. */
interface Known {
  facts: SessionFacts | undefined;
  /** What came before its row was there. */
  early: Changes[];
  isCaughtUp?: Promise<void>;
  close: () => void;
}

/**
 * One connection of their WebSocket: `init`, then what happens, made of the streams that ours have: the feed and the log of every
 * session that may be seen. Each event comes once and in its order; a peer that falls behind reads the logs.
 */
export class AoConnection {
  private readonly logger = new Logger(AoConnection.name);
  private readonly known = new Map<string, Known>();
  private joining: Promise<void> = Promise.resolve();
  private isBegun = false;
  /** Its move is told at the end of this turn. */
  private moved: Known | undefined;

  constructor(
    private readonly live: LiveAccess,
    private readonly outlet: AoOutlet,
    private readonly sources: AoSources,
  ) {
    const release = sources.keepOrder();
    outlet.onClose(() => {
      release();
      live.close();
      this.known.forEach(({ close }) => close());
      this.known.clear();
    });
  }

  start(): void {
    this.run().catch((error: unknown) => this.fail(error));
  }

  /** What a frame of ours is to this peer. */
  translate(frame: OutFrame): AoFrame[] {
    return heardIn(frame).flatMap((heard) => [...this.untold(heard), ...this.tell(heard)]);
  }

  /** More or less may be seen: tells what comes and goes, then lets go. */
  review(): void {
    // What is being listed is listed anew.
    if (!this.isBegun) return this.outlet.letGo();
    this.live
      .lookUp(
        (principal) => this.sources.sessions(principal),
        (sessions) => {
          const seen = new Set(sessions.map(({ facts }) => facts.id));
          for (const id of [...this.known.keys()]) if (!seen.has(id)) this.outlet.tell(this.forget(id));
          this.outlet.letGo();
          for (const placed of sessions.filter(({ facts }) => !this.known.has(facts.id))) {
            this.outlet.tell([createdFrame(rowOf(placed.facts))]);
            this.follow(placed);
          }
        },
      )
      .catch((error: unknown) => this.fail(error));
  }

  private async run(): Promise<void> {
    // What happens while the list is read is in the feed behind this.
    const after = await this.sources.feedHead();
    await this.live.lookUp(
      async (principal) => ({
        sessions: await this.sources.sessions(principal),
        feed: await this.sources.streams.feed.prepare(principal, { after }),
      }),
      ({ sessions, feed }) => {
        if (this.outlet.isClosed) return;
        this.isBegun = true;
        this.outlet.tell([initFrame(sessions.map(({ facts }) => rowOf(facts)))]);
        sessions.forEach((placed) => this.follow(placed));
        const reader = feed.begin(this.live, this.outlet, () => this.fail(new Error('the feed ended')));
        this.outlet.onClose(() => reader.close());
      },
    );
  }

  private tell(heard: Heard): AoFrame[] {
    if (heard.kind === 'broken') {
      this.fail(new Error('a stream ended'));
      return [];
    }
    const known = this.known.get(heard.sessionId);
    if (heard.kind === 'created') {
      if (!known) this.meet(heard.sessionId, heard.status);
      return [];
    }
    if (!known) return [];
    if (heard.kind === 'deleted') return this.forget(heard.sessionId);
    if (!known.facts) {
      if (heard.kind === 'updated') known.early.push(heard.changes);
      return [];
    }
    if (heard.kind === 'updated') return this.change(known, known.facts, heard.changes);
    if (heard.kind === 'status') return this.move(known, known.facts, heard.to);
    return this.event(known, known.facts, heard);
  }

  /** Their clients hear of the session before the event that moves it; of what came by `POST /events`, of the event only. */
  private event(known: Known, facts: SessionFacts, { event, told }: { event: LoggedEvent; told: ToldEvent }): AoFrame[] {
    const frame = this.eventFrame(facts, event, told);
    const { eventType, isQuiet } = told;
    if (eventType === 'session_stop') known.facts = { ...facts, status: shownStatus(facts.status) === 'finished' ? facts.status : 'idle' };
    else if (eventType === 'session_start' && shownStatus(facts.status) !== 'running') known.facts = { ...facts, status: 'running' };
    else return [frame];
    return isQuiet ? [frame] : [updatedFrame(rowOf(known.facts)), frame];
  }

  private eventFrame(facts: SessionFacts, event: LoggedEvent, told: ToldEvent): AoFrame {
    const bytes = this.sources.bytesBeside(event.payload);
    if (bytes === 0) return eventFrame(facts, told);
    return new LaterFrame(bytes, async () => {
      const payload = await this.sources.whole(await this.live.settled(), facts.id, event.payload);
      return eventFrame(facts, toldEvent({ ...event, payload }) ?? told);
    });
  }

  /** What is changed with a move is told by the feed, right behind it: both are one frame. */
  private move(known: Known, facts: SessionFacts, to: SessionStatusOf): object[] {
    known.facts = { ...facts, status: to };
    if (shownStatus(facts.status) !== shownStatus(to)) this.tellSoon(known);
    return [];
  }

  private tellSoon(known: Known): void {
    this.moved = known;
    setImmediate(() => this.outlet.tell(this.untold()));
  }

  /** A move that is not told yet goes before everything else, unless `next` tells it as well. */
  private untold(next?: Heard): object[] {
    const { moved } = this;
    this.moved = undefined;
    const isToldByNext = next?.kind === 'updated' && this.known.get(next.sessionId) === moved;
    return moved?.facts && !isToldByNext ? [updatedFrame(rowOf(moved.facts))] : [];
  }

  private change(known: Known, facts: SessionFacts, { name, projectDir, agent, lastResumedAt, status, metadata }: Changes): object[] {
    known.facts = {
      ...facts,
      ...(name === undefined ? {} : { name }),
      ...(projectDir === undefined ? {} : { projectDir }),
      ...(agent === undefined ? {} : { agent }),
      ...(lastResumedAt === undefined ? {} : { lastResumedAt }),
      ...(status === undefined ? {} : { status }),
      ...(metadata === undefined ? {} : { kept: keptIn(metadata) }),
    };
    return [updatedFrame(rowOf(known.facts))];
  }

  private forget(id: string): object[] {
    const known = this.known.get(id);
    this.known.delete(id);
    known?.close();
    // One that nobody was told of yet is not told of at all.
    return known?.facts ? [deletedFrame(sessionIdOf(known.facts))] : [];
  }

  /** A session that was made just now: its row is read, told, and its log followed from the beginning. */
  private meet(id: string, status: SessionStatusOf): void {
    const known: Known = { facts: undefined, early: [], close: () => undefined };
    this.known.set(id, known);
    this.inTurn(id, known, async () => {
      await this.live.lookUp(
        (principal) => this.sources.session(principal, id),
        ({ facts }) => {
          if (!this.isKnown(id, known)) return;
          // As it was made: what became of it since is told behind this.
          known.facts = { ...facts, status };
          if (!facts.kept.isQuiet) this.outlet.tell([createdFrame(rowOf(known.facts))]);
          for (const changes of known.early.splice(0)) this.outlet.tell(this.change(known, known.facts, changes));
        },
      );
      // What happens in it comes before what happens to others behind it.
      await this.join(id, known, { epoch: null, seq: 0 });
      await known.isCaughtUp;
    });
  }

  private follow({ facts, after }: PlacedSession): void {
    const known: Known = { facts, early: [], close: () => undefined };
    this.known.set(facts.id, known);
    // Nothing comes of a log that has ended.
    if (!isEnded(facts.status)) this.inTurn(facts.id, known, () => this.join(facts.id, known, after));
  }

  /** One after the other, as fast as the peer takes them. */
  private inTurn(id: string, known: Known, work: () => Promise<void>): void {
    this.joining = this.joining
      .then(async () => {
        await this.outlet.drained();
        if (this.isKnown(id, known)) await work();
      })
      .catch((error: unknown) => {
        const isGone = error instanceof SessionNotFoundError || error instanceof LogNotFoundError;
        if (!isGone) this.fail(error);
      });
  }

  private async join(id: string, known: Known, after: Cursor): Promise<void> {
    await this.live.lookUp(
      (principal) => this.sources.streams.sessions.prepare(principal, id, { after, deltas: false }),
      (stream) => {
        if (!this.isKnown(id, known)) return stream.cancel();
        known.isCaughtUp = new Promise((resolve) => {
          const reader = stream.start(this.outlet, { onEnd: resolve, onCaughtUp: resolve });
          known.close = () => {
            reader.close();
            resolve();
          };
        });
      },
      (stream) => stream.cancel(),
    );
  }

  private isKnown(id: string, known: Known): boolean {
    return !this.outlet.isClosed && this.known.get(id) === known;
  }

  /** They connect again, and begin with what there is then. */
  fail(error: unknown): void {
    if (this.outlet.isClosed || error instanceof UnauthenticatedError) return;
    if (!(error instanceof DomainError)) this.logger.warn({ msg: 'a connection can not go on', err: error });
    this.outlet.close(CLOSE.tryAgain, 'connect again');
  }
}
