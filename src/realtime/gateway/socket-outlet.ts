import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { WebSocketOutlet } from '../hub/web-socket-outlet.js';
import type { OutFrame } from '../out-frame.js';
import type { RealtimeLimits } from '../realtime-limits.js';

/**
 * A WebSocket that is sent our frames. They go to the socket below it as they are, because `WebSocket.send` would put a header before
 * them for every reader anew. Whole frames in between those of `ws` are in order, as nothing is compressed: `ws` writes each of its own
 * in one turn, too.
 */
export class SocketOutlet extends WebSocketOutlet {
  constructor(
    socket: WebSocket,
    /** What the WebSocket was made of. */
    private readonly wire: Writable,
    limits: RealtimeLimits,
  ) {
    super(socket, limits);
  }

  get buffered(): number {
    return this.wire.writableLength;
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    if (this.socket.readyState === this.socket.OPEN) this.wire.write(frame.webSocket, taken);
  }
}
