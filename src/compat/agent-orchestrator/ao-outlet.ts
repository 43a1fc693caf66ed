import type { WebSocket } from 'ws';
import { CLOSE } from '../../core/websocket/close-codes.js';
import type { OutFrame } from '../../realtime/out-frame.js';
import { Outlet } from '../../realtime/hub/outlet.js';
import type { RealtimeLimits } from '../../realtime/realtime-limits.js';

/** How long a peer that takes nothing may take to answer the close frame that waits behind everything else. */
const CUT_AFTER_MS = 5_000;

/** A WebSocket whose peer knows the frames of agent-orchestrator: each frame of ours becomes those of theirs that it means, or none. */
export class AoOutlet extends Outlet {
  constructor(
    private readonly socket: WebSocket,
    limits: RealtimeLimits,
    private readonly translate: (frame: OutFrame) => readonly object[],
  ) {
    super(limits);
    socket.once('close', () => this.closed());
  }

  get buffered(): number {
    return this.socket.bufferedAmount;
  }

  /** Sends a frame of theirs. */
  tell(frame: object): void {
    if (!this.isClosed) this.socket.send(JSON.stringify(frame));
  }

  close(code: number, reason: string): void {
    this.closed();
    this.socket.close(code, reason);
    const cut = setTimeout(() => this.socket.terminate(), CUT_AFTER_MS).unref();
    this.socket.once('close', () => clearTimeout(cut));
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    const told = this.translate(frame);
    told.forEach((each, index) => this.socket.send(JSON.stringify(each), index === told.length - 1 ? taken : undefined));
  }

  protected closeSlow(): void {
    this.close(CLOSE.slow, 'nothing was taken for too long');
  }
}
