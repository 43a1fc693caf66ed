import { type Draft, MALFORMED, type ReadFrame, type ReadInvoke, type ReadVia } from '../history/operation.types.js';
import type { Recorder } from '../history/recorder.js';
import { type HttpClient, NoAnswerError } from './http-client.js';
import { openSocket, openSse, type Stream } from './stream-source.js';
import { parseCursor, seenIn } from './wire.js';
import { pause, pick } from './writer.js';

export interface ReaderPlan {
  readonly name: string;
  readonly session: number;
  /** The ways it reads, changed at every connection. */
  readonly ways: readonly ReadVia[];
}

export interface ReaderSources {
  readonly http: HttpClient;
  readonly url: () => string;
  readonly key: () => string;
}

const RETRY_MS = 30;
/** A stream is left after so many frames, or so long, and gone on with elsewhere. */
const MAX_FRAMES = 40;
const MAX_STREAM_MS = 1_500;
/** How often a reader begins anew at the beginning. */
const RESTART = 0.03;

interface OutFrame {
  readonly type: string;
  readonly cursor?: string;
  readonly prev?: number;
  readonly status?: string;
  readonly reason?: string;
  readonly code?: string;
}

/** Follows one session by its cursor, over pages, long polls, server-sent events and WebSockets in turn. */
export class Reader {
  private after = '0';
  private seq = 0;
  private hasEnd = false;
  private isStopping = false;
  private isDeaf = false;
  private goal: { readonly seq: number; readonly ends: boolean } | undefined;
  private stream: Stream | undefined;

  constructor(
    private readonly plan: ReaderPlan,
    private readonly session: string,
    private readonly sources: ReaderSources,
    private readonly recorder: Recorder,
    private readonly random: () => number,
  ) {}

  /** Reads until {@link stop}, or until it has come to the goal given to {@link finish}. */
  async run(): Promise<void> {
    while (!this.isStopping && !this.isThere) {
      const reads = await this.once(this.nextWay());
      // Of a log that has ended nothing new is to be expected.
      if (!reads || this.hasEnd) await pause(RETRY_MS * (0.5 + this.random()));
    }
    this.sources.http.close();
  }

  /** From now on it is to come to `seq` and, where the session has ended, to be told so. */
  finish(seq: number, ends: boolean): void {
    this.goal = { seq, ends };
    // Goes on over a new connection: an old one may be one of those that are dead and do not know it.
    this.stream?.close();
  }

  /** Gives up; where it has not come to its goal, that is a failure. */
  stop(): void {
    this.isStopping = true;
    if (!this.isThere) {
      const what = `has ${this.seq} of ${this.goal?.seq ?? 0}${this.goal?.ends && !this.hasEnd ? ', and was not told the end' : ''}`;
      const { name: process } = this.plan;
      this.recorder.record({ f: 'stalled', phase: 'info', process, op: this.recorder.nextOp(), session: this.session, what });
    }
    this.stream?.close();
  }

  /** Stops reading for so long, from its next stream on where it has none now, and hangs up or goes on. */
  async deafen(ms: number, hangsUp: boolean): Promise<void> {
    this.isDeaf = true;
    this.stream?.pause();
    await pause(ms);
    this.isDeaf = false;
    if (hangsUp) this.stream?.close();
    else this.stream?.resume();
  }

  private get isThere(): boolean {
    return this.goal !== undefined && this.seq >= this.goal.seq && (this.hasEnd || !this.goal.ends);
  }

  private nextWay(): ReadVia {
    const { goal } = this;
    // A page does not tell the end.
    if (goal && this.seq >= goal.seq) return pick(['sse', 'ws'] as const, this.random);
    return pick(this.plan.ways, this.random);
  }

  private once(via: ReadVia): Promise<boolean> {
    const op = this.recorder.nextOp();
    const isSeek = this.goal === undefined && this.seq > 0 && this.random() < RESTART;
    if (isSeek) {
      this.after = '0';
      this.seq = 0;
    }
    const base = { f: 'read', process: this.plan.name, op, via, session: this.session } as const;
    const invoke: Draft<ReadInvoke> = { ...base, phase: 'invoke', after: this.seq, ...(isSeek ? { isSeek } : {}) };
    this.recorder.record(invoke);
    return via === 'page' || via === 'poll' ? this.readPage(base) : this.readStream(base);
  }

  private async readPage(base: Base): Promise<boolean> {
    const limit = 1 + Math.floor(this.random() ** 2 * 200);
    const wait = base.via === 'poll' ? '&wait=1' : '';
    try {
      const path = `/api/sessions/${this.session}/events?after=${encodeURIComponent(this.after)}&limit=${limit}${wait}`;
      const { status, text, code } = await this.sources.http.call('GET', path, undefined, 3_000);
      if (code === 'resync_required') return this.resync(base, text);
      if (status !== 200) return this.broken(base, code);
      const { cursor, nextCursor }: { cursor: string; nextCursor: string | null } = JSON.parse(text);
      const events = seenIn(text, 'items');
      this.take(base, { frame: 'page', ...positionOf(cursor), isWhole: nextCursor === null, events }, cursor);
      return events.length > 0;
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      return this.broken(base, error.message);
    }
  }

  private async readStream(base: Base): Promise<boolean> {
    const { http, url, key } = this.sources;
    let stream: Stream;
    try {
      stream = await (base.via === 'sse'
        ? openSse(http, this.session, this.after, this.random() < 0.5)
        : openSocket(url(), key(), this.session, this.after));
    } catch (error) {
      return this.broken(base, error instanceof Error ? error.message : String(error));
    }
    this.stream = stream;
    if (this.isDeaf) stream.pause();
    const most = 1 + Math.floor(this.random() * MAX_FRAMES);
    let frames = 0;
    let isOver = false;
    const code = await new Promise<string>((resolve) => {
      const leave = () => (this.isDeaf ? timer.refresh() : stream.close());
      const timer = setTimeout(leave, this.random() * MAX_STREAM_MS + 50);
      stream.onClose = (reason) => {
        clearTimeout(timer);
        resolve(reason);
      };
      stream.onFrame = (text) => {
        if (isOver) return;
        frames += 1;
        const goesOn = this.takeFrame(base, text);
        // An end is waited behind for a moment: nothing may follow it. The timer, or the server, closes.
        if (goesOn && !this.hasEnd && (frames >= most || this.isThere)) {
          isOver = true;
          stream.close();
        }
        if (!goesOn) stream.close();
      };
    });
    isOver = true;
    this.stream = undefined;
    this.broken(base, code);
    return frames > 0;
  }

  /** False where the stream is of no more use. */
  private takeFrame(base: Base, text: string): boolean {
    let frame: OutFrame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.broken(base, MALFORMED);
    }
    const { cursor } = frame;
    switch (frame.type) {
      case 'snapshot':
        this.recorder.record({ ...base, phase: 'ok', frame: 'snapshot', ...positionOf(cursor ?? '') });
        return true;
      case 'events':
        this.take(base, { frame: 'events', ...positionOf(cursor ?? ''), prev: frame.prev, events: seenIn(text, 'events') }, cursor ?? '');
        return true;
      case 'caught_up':
      case 'end':
        this.take(base, { frame: frame.type, ...positionOf(cursor ?? ''), note: frame.status }, cursor ?? '');
        if (frame.type === 'end') this.hasEnd = true;
        return true;
      case 'resync_required':
        return this.resync(base, text);
      case 'slow':
        this.broken(base, 'slow');
        return true;
      case 'error':
      case 'access_withdrawn':
        this.broken(base, frame.code ?? frame.type);
        return false;
      default:
        return true;
    }
  }

  private take(base: Base, rest: Pick<ReadFrame, 'frame' | 'until' | 'epoch'> & Partial<ReadFrame>, cursor: string): void {
    this.recorder.record({ ...base, phase: 'ok', ...rest });
    this.after = cursor;
    this.seq = rest.until;
  }

  private resync(base: Base, text: string): false {
    const note = text.slice(0, 300);
    this.recorder.record({ ...base, phase: 'ok', frame: 'resync', until: 0, epoch: '', note });
    this.after = '0';
    this.seq = 0;
    return false;
  }

  /** It broke off, or was told something that is no event. */
  private broken(base: Base, code: string): false {
    this.recorder.record({ ...base, phase: 'info', code });
    return false;
  }
}

type Base = Pick<ReadFrame, 'f' | 'process' | 'op' | 'via' | 'session'>;

const positionOf = (cursor: string): { until: number; epoch: string } => {
  const { epoch, seq } = parseCursor(cursor);
  return { until: seq, epoch };
};
