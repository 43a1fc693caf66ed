import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { ResyncRequiredError } from '../../events/events.errors.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { resyncFrame } from '../resync-frame.js';
import { SseOutlet } from './sse-outlet.js';

/** What a stream does once its response is open: gives what ends it. */
export type Begin = (outlet: SseOutlet, onEnd: () => void) => { close(): void };

/** The responses of server-sent events that are open. */
@Injectable()
export class SseStreams implements BeforeApplicationShutdown {
  private readonly open = new Set<SseOutlet>();

  constructor(private readonly limits: RealtimeLimits) {}

  beforeApplicationShutdown(): void {
    this.open.forEach((outlet) => outlet.end());
  }

  /** Begins a stream; a cursor that can't be read on from is answered within it, as a frame, because browsers show no status to their pages. */
  async serve(response: ServerResponse, prepare: () => Promise<{ begin: Begin; cancel?: () => void }>): Promise<void> {
    try {
      const { begin, cancel } = await prepare();
      if (response.destroyed) return cancel?.();
      const outlet = this.openOn(response);
      const stream = begin(outlet, () => outlet.end());
      outlet.onClose(() => stream.close());
    } catch (error) {
      if (!(error instanceof ResyncRequiredError)) throw error;
      const outlet = this.openOn(response);
      outlet.send(resyncFrame(error));
      outlet.end();
    }
  }

  private openOn(response: ServerResponse): SseOutlet {
    const outlet = new SseOutlet(response, this.limits);
    this.open.add(outlet);
    outlet.onClose(() => this.open.delete(outlet));
    return outlet;
  }
}
