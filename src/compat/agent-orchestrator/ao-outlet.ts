import type { WebSocket } from 'ws';
import { WebSocketOutlet } from '../../realtime/hub/web-socket-outlet.js';
import type { OutFrame } from '../../realtime/out-frame.js';
import type { RealtimeLimits } from '../../realtime/realtime-limits.js';

/** A frame of theirs, or what makes it when its turn has come: it is large. */
export type AoFrame = object | LaterFrame;
export class LaterFrame {
  constructor(
    /** About how many bytes it will have. */
    readonly bytes: number,
    readonly make: () => Promise<object>,
  ) {}
}

interface Queued {
  readonly frame: AoFrame;
  readonly bytes: number;
  readonly taken: () => void;
}

/**
 * A WebSocket whose peer knows the frames of agent-orchestrator: each frame of ours becomes those of theirs that it means, or none.
 * They go in order; a large one is made when those before it are gone, and is alone in memory.
 */
export class AoOutlet extends WebSocketOutlet {
  private readonly queue: Queued[] = [];
  private queuedBytes = 0;
  private isSending = false;

  constructor(
    socket: WebSocket,
    limits: RealtimeLimits,
    private readonly translate: (frame: OutFrame) => readonly AoFrame[],
    private readonly onFailure: (error: unknown) => void,
  ) {
    super(socket, limits);
  }

  get buffered(): number {
    return this.socket.bufferedAmount + this.queuedBytes;
  }

  /** Sends frames of theirs. */
  tell(frames: readonly AoFrame[]): void {
    frames.forEach((frame) => this.put(frame, () => undefined));
  }

  override closed(): void {
    this.queue.length = 0;
    this.queuedBytes = 0;
    super.closed();
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    this.translate(frame).forEach((each) => this.put(each, taken));
  }

  private put(frame: AoFrame, taken: () => void): void {
    if (this.isClosed) return;
    if (!this.isSending && !(frame instanceof LaterFrame)) return this.socket.send(JSON.stringify(frame), taken);
    const bytes = frame instanceof LaterFrame ? frame.bytes : Buffer.byteLength(JSON.stringify(frame));
    this.queue.push({ frame, bytes, taken });
    this.queuedBytes += bytes;
    if (this.isSending) return;
    this.isSending = true;
    this.sendQueued().catch((error: unknown) => this.onFailure(error));
  }

  private async sendQueued(): Promise<void> {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const { frame, bytes, taken } = next;
      const text = JSON.stringify(frame instanceof LaterFrame ? await frame.make() : frame);
      if (this.isClosed) return;
      await new Promise<void>((resolve) => this.socket.send(text, () => resolve()));
      if (this.isClosed) return;
      this.queuedBytes -= bytes;
      taken();
    }
    this.isSending = false;
  }
}
