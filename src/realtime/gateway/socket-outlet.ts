import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { CLOSE } from '../../core/websocket/close-codes.js';
import type { OutFrame } from '../out-frame.js';
import { Outlet } from '../hub/outlet.js';
import type { RealtimeLimits } from '../realtime-limits.js';

/** How long a peer that takes nothing may take to answer the close frame that waits behind everything else. */
const CUT_AFTER_MS = 5_000;

/**
 * A WebSocket as outlet. Frames go to the socket below it as they are, because `WebSocket.send` would put a header before them for
 * every reader anew. Whole frames in between those of `ws` are in order, as nothing is compressed: `ws` writes each of its own in one
 * turn, too.
 */
export class SocketOutlet extends Outlet {
  constructor(
    private readonly socket: WebSocket,
    /** What the WebSocket was made of. */
    private readonly wire: Writable,
    limits: RealtimeLimits,
  ) {
    super(limits);
    socket.once('close', () => this.closed());
  }

  get buffered(): number {
    return this.wire.writableLength;
  }

  /** Says why and ends the connection; it is cut where the peer does not answer in time. */
  close(code: number, reason: string): void {
    this.closed();
    this.socket.close(code, reason);
    const cut = setTimeout(() => this.socket.terminate(), CUT_AFTER_MS).unref();
    this.socket.once('close', () => clearTimeout(cut));
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    if (this.socket.readyState === this.socket.OPEN) this.wire.write(frame.webSocket, taken);
  }

  protected closeSlow(): void {
    this.close(CLOSE.slow, 'nothing was taken for too long');
  }
}
