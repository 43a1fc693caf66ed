import type { WebSocket } from 'ws';
import { CLOSE } from '../../core/websocket/close-codes.js';
import type { OutFrame } from '../frames.types.js';
import { Outlet } from '../hub/outlet.js';
import type { RealtimeLimits } from '../realtime-limits.js';

/** How long a peer that takes nothing may take to answer the close frame that waits behind everything else. */
const CUT_AFTER_MS = 5_000;

/** A WebSocket as outlet. */
export class SocketOutlet extends Outlet {
  constructor(
    private readonly socket: WebSocket,
    limits: RealtimeLimits,
  ) {
    super(limits);
    socket.once('close', () => this.closed());
  }

  get buffered(): number {
    return this.socket.bufferedAmount;
  }

  /** Says why and ends the connection; it is cut where the peer does not answer in time. */
  close(code: number, reason: string): void {
    this.closed();
    this.socket.close(code, reason);
    const cut = setTimeout(() => this.socket.terminate(), CUT_AFTER_MS).unref();
    this.socket.once('close', () => clearTimeout(cut));
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    this.socket.send(frame.text, taken);
  }

  protected closeSlow(): void {
    this.close(CLOSE.slow, 'nothing was taken for too long');
  }
}
