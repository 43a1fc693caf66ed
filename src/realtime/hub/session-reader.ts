import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '../../core/errors/domain.error.js';
import { formatCursor } from '../../events/cursor.js';
import type { OpenBlock } from '../../events/event-log.types.js';
import { LogNotFoundError } from '../../events/events.errors.js';
import { outFrame } from '../frames.types.js';
import { EventsFrame, framesOf } from './event-frames.js';
import { OpenTexts } from './open-texts.js';
import type { Outlet } from './outlet.js';
import type { DeltaFrame, EndStatus, SessionTopic, TopicReader } from './session-topic.js';

export interface ReaderOptions {
  readonly after: number;
  readonly deltas: boolean;
  /** Only events of these types; `prev` and `cursor` then tell how far was looked. */
  readonly types?: ReadonlySet<string>;
  /** Called once when the reader has come to its end by itself. */
  readonly onEnd: () => void;
  /** Called each time it has caught up with the log. */
  readonly onCaughtUp?: () => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * One reader of one session's log: no gap, no duplicate, no reorder. Behind, it reads pages of the log; as soon as what it has
 * meets what the topic has heard it goes live, in one synchronous step. Every frame is checked against the last one sent.
 */
export class SessionReader implements TopicReader {
  private state: 'behind' | 'live' | 'closed' = 'behind';
  /** The last number looked at; the same as the last one sent where there is no filter. */
  private last: number;
  private lastSent: number;
  private readonly texts: OpenTexts | undefined;

  constructor(
    private readonly topic: SessionTopic,
    private readonly outlet: Outlet,
    private readonly options: ReaderOptions,
  ) {
    this.last = options.after;
    this.lastSent = options.after;
    if (options.deltas) this.texts = new OpenTexts(topic.source, outlet);
    topic.acquire();
    topic.all.add(this);
  }

  /** Begins; the reader has the text of `open` already. */
  start(open: readonly OpenBlock[]): void {
    this.texts?.begin(open);
    void this.catchUp();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.topic.readers.delete(this);
    this.topic.all.delete(this);
    this.topic.release();
  }

  /** There is more up to `lastSeq`, and it was not heard: reads the log from where it is. */
  catchUpTo(lastSeq: number): void {
    if (this.last < lastSeq) this.fallBehind();
  }

  takeEvents(frame: EventsFrame): void {
    if (this.state !== 'live' || frame.last <= this.last) return;
    if (frame.prev > this.last || this.outlet.isCongested) return this.fallBehind();
    this.sendEvents(frame);
  }

  takeDelta(frame: DeltaFrame): void {
    if (this.state !== 'live' || !this.texts?.isNew(frame)) return;
    if (this.outlet.isCongested) return this.fallBehind();
    this.texts.send(frame);
  }

  takeEnd(): void {
    const { end } = this.topic;
    if (!end || this.state === 'closed' || (end.status !== 'deleted' && this.last < end.seq)) return;
    if (this.outlet.isHeld) return this.fallBehind();
    // A reader that is behind comes here again when it has the rest; of a deleted log there is no rest.
    if (this.state === 'live' || end.status === 'deleted') this.finish(end.status);
  }

  takeNewEpoch(earliest: string): void {
    this.resync('the log was numbered anew', earliest);
  }

  private fallBehind(): void {
    if (this.state !== 'live') return;
    this.state = 'behind';
    this.topic.readers.delete(this);
    this.outlet.noteSlow();
    void this.catchUp();
  }

  private finish(status: EndStatus): void {
    this.outlet.send(outFrame({ type: 'end', sessionId: this.topic.log.sessionId, cursor: this.cursor(), status }));
    this.close();
    this.options.onEnd();
  }

  private resync(reason: string, earliest: string): void {
    if (this.state === 'closed') return;
    this.outlet.send(outFrame({ type: 'resync_required', sessionId: this.topic.log.sessionId, reason, earliest }));
    this.close();
    this.options.onEnd();
  }

  private async catchUp(): Promise<void> {
    for (let failures = 0; this.isBehind();) {
      try {
        const from = this.last;
        await this.outlet.turns.take(() => this.readPage());
        failures = 0;
        if (!this.isBehind() || this.join()) return;
        if (this.last === from) await sleep(this.topic.limits.rereadMs, undefined, { ref: false });
      } catch (error) {
        while (this.outlet.isHeld) await this.outlet.drained();
        if (!this.isBehind()) return;
        if (error instanceof LogNotFoundError) return this.finish('deleted');
        if (isLasting(error) || failures++ === this.topic.limits.retries) {
          this.close();
          return this.options.onFailure(error);
        }
        await sleep(this.topic.limits.retryMs, undefined, { ref: false });
      }
    }
  }

  private isBehind(): boolean {
    return this.state === 'behind';
  }

  /** Sends what the next page of the log has, where it has more. */
  private async readPage(): Promise<void> {
    await this.outlet.drained();
    const { pages, known } = this.topic;
    if (!this.isBehind() || known <= this.last) return;
    const page = await pages.behind(this.last, known);
    if (page.hasHoles || page.last <= this.last) await this.assertKept();
    for (const frame of page.frames) {
      if (frame.last <= this.last) continue;
      do await this.outlet.drained();
      while (this.outlet.isHeld);
      if (!this.isBehind()) return;
      if (!isWhole(frame, this.last)) throw new Error(`The log of ${this.topic.log.sessionId} has a hole behind ${this.last}.`);
      this.sendEvents(frame);
    }
  }

  /** What follows may be no longer kept: then this reader begins anew. @throws LogNotFoundError */
  private async assertKept(): Promise<void> {
    const { epoch, earliestSeq } = await this.topic.source.head();
    while (this.outlet.isHeld) await this.outlet.drained();
    const earliest = formatCursor(epoch, earliestSeq - 1);
    if (epoch !== this.topic.log.epoch) this.takeNewEpoch(earliest);
    else if (this.last + 1 < earliestSeq) this.resync('the events behind it are no longer kept', earliest);
  }

  /** Goes live, where what was read meets what was heard. Synchronous: nothing can be heard in between. */
  private join(): boolean {
    if (this.outlet.isCongested) return false;
    this.topic.flush();
    if (!this.isBehind()) return true;
    const missing = this.topic.heardAfter(this.last);
    if (!missing || this.last + missing.length < this.topic.known) return false;
    for (const frame of framesOf(this.topic.log, this.last, missing, this.topic.limits)) this.sendEvents(frame);
    this.state = 'live';
    this.topic.readers.add(this);
    this.outlet.send(outFrame({ type: 'caught_up', sessionId: this.topic.log.sessionId, cursor: this.cursor() }));
    this.texts?.sendRest();
    this.options.onCaughtUp?.();
    this.takeEnd();
    return true;
  }

  /** Sends what of a frame is new to this reader: the shared frame where that is all of it. */
  private sendEvents(frame: EventsFrame): void {
    const { types } = this.options;
    const isNew = frame.prev === this.last;
    const events = isNew && !types ? frame.events : frame.events.filter(({ seq, type }) => seq > this.last && (!types || types.has(type)));
    this.last = frame.last;
    this.texts?.noteStored(frame, this.isBehind());
    if (events.length === 0) return;
    this.outlet.send(isNew && !types ? frame : new EventsFrame(this.topic.log, this.lastSent, frame.last, events));
    this.lastSent = frame.last;
  }

  private cursor(): string {
    return formatCursor(this.topic.log.epoch, this.last);
  }
}

/** It has every event behind `last`. */
const isWhole = ({ prev, last: end, events }: EventsFrame, last: number): boolean =>
  end - last === (prev < last ? events.filter(({ seq }) => seq > last) : events).length;

/** Trying again does not help. */
const isLasting = (error: unknown): boolean => error instanceof DomainError && error.kind !== 'unavailable';
