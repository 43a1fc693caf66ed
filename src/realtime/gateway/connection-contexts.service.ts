import { Injectable } from '@nestjs/common';
import { Access } from '../../auth/access.service.js';
import type { LiveAccess } from '../../auth/live-access.state.js';
import { EventsService } from '../../events/events.service.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { WorkspacesService } from '../../workspaces/workspaces.service.js';
import type { Outlet } from '../hub/outlet.js';
import { Streams } from '../hub/streams.service.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { AppendQueue } from './append-queue.js';
import type { ConnectionContext } from './command.js';
import { Subscriptions } from './subscriptions.js';

/** Makes what a connection has once it is known whose it is. */
@Injectable()
export class ConnectionContexts {
  constructor(
    private readonly events: EventsService,
    private readonly sessions: SessionsService,
    private readonly workspaces: WorkspacesService,
    private readonly access: Access,
    private readonly streams: Streams,
    private readonly limits: RealtimeLimits,
  ) {}

  make(live: LiveAccess, outlet: Outlet): ConnectionContext {
    const { sessions, workspaces, access, limits } = this;
    const { sessions: streams, feed: feeds, follower } = this.streams;
    return {
      subscriptions: new Subscriptions(live, outlet, { sessions, workspaces, access, limits, streams, feeds, follower }),
      appends: new AppendQueue(this.events, live),
    };
  }
}
