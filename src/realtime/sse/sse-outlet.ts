import type { ServerResponse } from 'node:http';
import type { OutFrame } from '../out-frame.js';
import { Outlet } from '../hub/outlet.js';
import type { RealtimeLimits } from '../realtime-limits.js';

/** How an endless response begins; no proxy may keep or gather it. */
export const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
} as const;

/**
 * A response of server-sent events as outlet: `event:` is the type of the frame, `data:` the frame, and `id:` the cursor behind
 * it. Not Nest's `@Sse`: that numbers per connection.
 */
export class SseOutlet extends Outlet {
  private readonly heartbeat: NodeJS.Timeout;

  constructor(
    private readonly response: ServerResponse,
    limits: RealtimeLimits,
  ) {
    super(limits);
    response.writeHead(200, STREAM_HEADERS);
    response.flushHeaders();
    this.heartbeat = setInterval(() => {
      if (!this.isCongested) this.response.write(':\n\n');
    }, limits.sseHeartbeatMs).unref();
    // A reader that hangs up is no fault of anybody.
    response.once('error', () => this.closed());
    response.once('close', () => this.closed());
    if (response.destroyed) this.closed();
  }

  get buffered(): number {
    return this.response.writableLength;
  }

  /** Nothing follows: the reader may come again with its last id. */
  end(): void {
    if (this.isClosed) return;
    this.closed();
    this.response.end();
  }

  override closed(): void {
    clearInterval(this.heartbeat);
    super.closed();
  }

  protected transmit(frame: OutFrame, taken: () => void): void {
    this.response.write(frame.serverSent, taken);
  }

  protected closeSlow(): void {
    this.closed();
    this.response.destroy();
  }
}
