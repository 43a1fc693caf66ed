import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Access } from '../../auth/access.service.js';
import { AccessWatch } from '../../auth/access-watch.service.js';
import type { LiveAccess } from '../../auth/live-access.state.js';
import type { Principal } from '../../auth/principal.types.js';
import { problemOf } from '../../core/errors/problem.js';
import { ResyncRequiredError } from '../../events/events.errors.js';
import { errorFrame } from '../error-frame.js';
import type { Sight } from '../hub/sight.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { resyncFrame } from '../resync-frame.js';
import { SseOutlet, STREAM_HEADERS } from './sse-outlet.js';

/** A stream that may begin: nothing was sent yet. Either begin or cancel it. */
export interface SseStream {
  readonly sight: Sight;
  /** Gives what ends it. */
  readonly begin: (access: LiveAccess, outlet: SseOutlet, onEnd: () => void) => { close(): void };
  readonly cancel?: () => void;
}

interface Open {
  readonly outlet: SseOutlet;
  readonly sight: Sight;
}

/** The responses of server-sent events that are open. */
@Injectable()
export class SseStreams implements BeforeApplicationShutdown {
  private readonly open = new Set<SseOutlet>();

  constructor(
    private readonly limits: RealtimeLimits,
    private readonly watch: AccessWatch,
    private readonly access: Access,
  ) {}

  beforeApplicationShutdown(): void {
    this.open.forEach((outlet) => outlet.end());
  }

  /**
   * Begins a stream, for as long as the principal may see it; a cursor that can't be read on from is answered within it, as a frame,
   * because browsers show no status to their pages.
   */
  async serve(response: ServerResponse, principal: Principal, prepare: (principal: Principal) => Promise<SseStream>): Promise<void> {
    let open: Open | undefined;
    const live: LiveAccess = this.watch.watch(principal, {
      held: (deletedWorkspaceId) => {
        if (deletedWorkspaceId !== undefined) open?.sight.forgetWorkspace(deletedWorkspaceId);
        open?.outlet.hold();
      },
      changed: () => open && this.review(open, live),
      ended: (error) => {
        open?.outlet.send(errorFrame(problemOf(error)));
        open?.outlet.end();
      },
    });
    response.once('close', () => live.close());
    try {
      // In the turn of the look-up: what is held from here on is to be held.
      await live.lookUp(prepare, (stream) => (open = this.begin(response, live, stream)), cancel);
    } catch (error) {
      live.close();
      if (!(error instanceof ResyncRequiredError)) throw error;
      const outlet = this.openOn(response);
      outlet.send(resyncFrame(error));
      outlet.end();
    }
  }

  private begin(response: ServerResponse, live: LiveAccess, stream: SseStream): Open | undefined {
    // HEAD asks how the stream would begin, and waits for nothing.
    const isHead = response.req.method === 'HEAD';
    if (isHead || response.destroyed) {
      cancel(stream);
      live.close();
      if (isHead) response.writeHead(200, STREAM_HEADERS).end();
      return undefined;
    }
    const outlet = this.openOn(response);
    const reader = stream.begin(live, outlet, () => outlet.end());
    outlet.onClose(() => reader.close());
    return { outlet, sight: stream.sight };
  }

  private review({ outlet, sight }: Open, live: LiveAccess): void {
    if (sight.isIn(this.access.visibilityOf(live.principal))) return outlet.letGo();
    outlet.send(sight.withdrawn());
    outlet.end();
  }

  private openOn(response: ServerResponse): SseOutlet {
    const outlet = new SseOutlet(response, this.limits);
    this.open.add(outlet);
    outlet.onClose(() => this.open.delete(outlet));
    return outlet;
  }
}

const cancel = ({ cancel: undo }: SseStream): void => undo?.();
