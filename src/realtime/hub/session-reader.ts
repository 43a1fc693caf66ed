import { formatCursor } from '../../events/cursor.js';
import type { OpenBlock, StoredEvent } from '../../events/event-log.types.js';
import { LogNotFoundError } from '../../events/events.errors.js';
import { outFrame } from '../frames.types.js';
import { type EventsFrame, eventsFrame, framesOf, toWire, type WireEvent } from './event-frames.js';
import type { Outlet } from './outlet.js';
import { deltaFrame, type DeltaFrame, type EndStatus, type LiveReader, type SessionTopic } from './session-topic.js';

/** Where a reader finds what it did not hear. */
export interface ReadableLog {
  /** Events with `after < seq`, in order. @throws LogNotFoundError where the log is gone and nothing was found */
  read(after: number, limit: number): Promise<StoredEvent[]>;
  openBlocks(): readonly OpenBlock[];
}

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

const FIRST_PAGE = 100;
/** Before the log is asked again for something heard of that it does not give yet. */
const RETRY_MS = 20;

/**
 * One reader of one session's log: no gap, no duplicate, no reorder. Behind, it reads pages of the log; as soon as what it has
 * meets what the topic has heard it goes live, in one synchronous step. Every frame is checked against the last one sent.
 */
export class SessionReader implements LiveReader {
  private state: 'behind' | 'live' | 'closed' = 'behind';
  /** The last number looked at; the same as the last one sent where there is no filter. */
  private last: number;
  private lastSent: number;
  private pageSize = FIRST_PAGE;
  /** Open blocks by id: how much of its text the reader has. */
  private readonly texts = new Map<string, number>();
  /** Open blocks that the reader has as events already, read from the log before they were announced. */
  private readonly stored = new Set<string>();

  constructor(
    private readonly topic: SessionTopic,
    private readonly log: ReadableLog,
    private readonly outlet: Outlet,
    private readonly options: ReaderOptions,
  ) {
    this.last = options.after;
    this.lastSent = options.after;
    topic.acquire();
  }

  /** Begins; the reader has the text of `open` already. */
  start(open: readonly OpenBlock[]): void {
    for (const { blockId, text } of open) this.texts.set(blockId, text.length);
    void this.catchUp();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.topic.readers.delete(this);
    this.topic.release();
  }

  /** Where it stands, for whoever found out that there is more. */
  get isLiveAt(): number | undefined {
    return this.state === 'live' ? this.last : undefined;
  }

  /** Something was missed: reads the log from where it is. */
  fallBehind(): void {
    if (this.state !== 'live') return;
    this.state = 'behind';
    this.topic.readers.delete(this);
    this.outlet.noteSlow();
    void this.catchUp();
  }

  takeEvents(frame: EventsFrame): void {
    if (this.state !== 'live' || frame.last <= this.last) return;
    if (frame.prev > this.last || this.outlet.isCongested) return this.fallBehind();
    this.sendEvents(frame);
  }

  takeDelta(frame: DeltaFrame): void {
    if (this.state !== 'live' || !this.options.deltas) return;
    const { blockId, offset, text } = frame.delta;
    const known = this.texts.get(blockId) ?? 0;
    if (offset + text.length <= known || this.stored.has(blockId)) return;
    if (this.outlet.isCongested) return this.fallBehind();
    if (offset > known) return this.sendOpenText();
    this.outlet.send(offset === known ? frame : deltaFrame({ ...frame.delta, offset: known, text: text.slice(known - offset) }));
    this.texts.set(blockId, offset + text.length);
  }

  takeEnd(): void {
    const { end } = this.topic;
    if (!end || this.state === 'closed' || (end.status !== 'deleted' && this.last < end.seq)) return;
    if (this.outlet.isHeld) return this.fallBehind();
    // A reader that is behind comes here again when it has the rest; of a deleted log there is no rest.
    if (this.state === 'live' || end.status === 'deleted') this.finish(end.status);
  }

  takeNewEpoch(): void {
    if (this.state === 'closed') return;
    const { sessionId } = this.topic.log;
    this.outlet.send(
      outFrame({
        type: 'resync_required',
        sessionId,
        reason: 'the log was numbered anew',
        earliest: formatCursor(this.topic.log.epoch, 0),
      }),
    );
    this.close();
    this.options.onEnd();
  }

  private finish(status: EndStatus): void {
    this.outlet.send(outFrame({ type: 'end', sessionId: this.topic.log.sessionId, cursor: this.cursor(), status }));
    this.close();
    this.options.onEnd();
  }

  private async catchUp(): Promise<void> {
    try {
      for (;;) {
        const from = this.last;
        const isAtEnd = await this.outlet.turns.take(() => this.readPage());
        if (this.state !== 'behind' || (isAtEnd && this.join())) return;
        if (isAtEnd && this.last === from) await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    } catch (error) {
      while (this.outlet.isHeld) await this.outlet.drained();
      if (this.state === 'closed') return;
      if (error instanceof LogNotFoundError) return this.finish('deleted');
      this.close();
      this.options.onFailure(error);
    }
  }

  /** Sends one page of the log; true where the log had no more when it was read. */
  private async readPage(): Promise<boolean> {
    await this.outlet.drained();
    if (this.state !== 'behind') return false;
    const limit = this.pageSize;
    const page = (await this.log.read(this.last, limit)).map(toWire);
    for (const frame of framesOf(this.topic.log, this.last, page, this.topic.limits)) {
      do await this.outlet.drained();
      while (this.outlet.isHeld);
      if (this.state !== 'behind') return false;
      this.sendEvents(frame);
    }
    const bytes = page.reduce((sum, each) => sum + each.bytes, 0);
    const { pageBytes, pageEvents } = this.topic.limits;
    if (page.length === limit) this.pageSize = Math.max(1, Math.min(pageEvents, Math.floor((pageBytes * limit) / Math.max(1, bytes))));
    return page.length < limit;
  }

  /** Goes live, where what was read meets what was heard. Synchronous: nothing can be heard in between. */
  private join(): boolean {
    if (this.outlet.isCongested) return false;
    this.topic.flush();
    if (this.state !== 'behind') return true;
    const missing = this.topic.heardAfter(this.last);
    if (!missing) return false;
    for (const frame of framesOf(this.topic.log, this.last, missing, this.topic.limits)) this.sendEvents(frame);
    this.state = 'live';
    this.topic.readers.add(this);
    this.outlet.send(outFrame({ type: 'caught_up', sessionId: this.topic.log.sessionId, cursor: this.cursor() }));
    if (this.options.deltas) this.sendOpenText();
    this.options.onCaughtUp?.();
    this.takeEnd();
    return true;
  }

  /** Sends what of a frame is new to this reader: the shared text where that is all of it. */
  private sendEvents(frame: EventsFrame): void {
    const { types } = this.options;
    const isNew = frame.prev === this.last;
    const events = isNew && !types ? frame.events : frame.events.filter(({ seq, type }) => seq > this.last && (!types || types.has(type)));
    this.last = frame.last;
    this.noteStored(frame.events);
    if (events.length === 0) return;
    this.outlet.send(isNew && !types ? frame : eventsFrame(this.topic.log, this.lastSent, frame.last, events));
    this.lastSent = frame.last;
  }

  /** A block's text is stored as the event with its id: no delta of it may follow. */
  private noteStored(events: readonly WireEvent[]): void {
    if (!this.options.deltas) return;
    const open = this.state === 'behind' ? this.log.openBlocks() : [];
    for (const { type, id } of events) {
      if (type !== 'message' && type !== 'thought') continue;
      this.texts.delete(id);
      if (open.some(({ blockId }) => blockId === id)) this.stored.add(id);
    }
  }

  /** Deltas with what the reader lacks of the open blocks. */
  private sendOpenText(): void {
    const open = this.log.openBlocks();
    for (const blockId of this.stored) if (!open.some((block) => block.blockId === blockId)) this.stored.delete(blockId);
    for (const block of open) {
      const offset = this.texts.get(block.blockId) ?? 0;
      if (this.stored.has(block.blockId) || block.text.length <= offset) continue;
      this.outlet.send(deltaFrame({ ...block, offset, text: block.text.slice(offset) }));
      this.texts.set(block.blockId, block.text.length);
    }
  }

  private cursor(): string {
    return formatCursor(this.topic.log.epoch, this.last);
  }
}
