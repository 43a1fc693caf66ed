import { Injectable, Logger } from '@nestjs/common';
import { Access } from '../../auth/access.service.js';
import type { LiveAccess } from '../../auth/live-access.state.js';
import { canSee, type Principal, type Visibility } from '../../auth/principal.types.js';
import { Outbox } from '../../core/database/outbox.js';
import { DomainError } from '../../core/errors/domain.error.js';
import { problemOf } from '../../core/errors/problem.js';
import { BEGINNING, type Cursor } from '../../events/cursor.js';
import { Feed } from '../../events/feed.service.js';
import { WorkspacesService } from '../../workspaces/workspaces.service.js';
import { errorFrame } from '../error-frame.js';
import { FeedFollower } from './feed-follower.service.js';
import { FeedReader } from './feed-reader.js';
import type { Outlet } from './outlet.js';
import { EVERYTHING, type Sight, WorkspaceSight } from './sight.js';

/** A stream of the feed that may begin: nothing was sent yet. */
export interface PreparedFeed {
  readonly sight: Sight;
  readonly begin: (access: LiveAccess, outlet: Outlet, onEnd: () => void) => FeedReader;
}

/** Opens the stream of the feed: the domain events that somebody may see. */
@Injectable()
export class FeedStreams {
  private readonly logger = new Logger(FeedStreams.name);

  constructor(
    private readonly feed: Feed,
    private readonly follower: FeedFollower,
    private readonly outbox: Outbox,
    private readonly access: Access,
    private readonly workspaces: WorkspacesService,
  ) {}

  /** @throws WorkspaceNotFoundError, ResyncRequiredError */
  async prepare(principal: Principal, { after = BEGINNING, workspaceId }: { after?: Cursor; workspaceId?: string }): Promise<PreparedFeed> {
    if (workspaceId !== undefined) await this.workspaces.getVisible(principal, workspaceId);
    const head = await this.outbox.head();
    this.feed.assertReadable(head, after);
    const sight = workspaceId === undefined ? EVERYTHING : new WorkspaceSight(workspaceId);
    const begin = (access: LiveAccess, outlet: Outlet, onEnd: () => void) => {
      const visibility = this.visibilityOf(access);
      const reader = new FeedReader(this.follower, outlet, {
        epoch: head.epoch,
        after: after.seq,
        isWanted: (event) => canSee(visibility(), event) && (workspaceId === undefined || event.workspaceId === workspaceId),
        onFailure: (error) => {
          if (!(error instanceof DomainError)) this.logger.error({ msg: 'the stream of the feed failed', err: error });
          outlet.send(errorFrame(problemOf(error)));
          onEnd();
        },
      });
      reader.start();
      return reader;
    };
    return { sight, begin };
  }

  /** As it is whenever it is asked for. */
  private visibilityOf(access: LiveAccess): () => Visibility {
    let { principal } = access;
    let visibility = this.access.visibilityOf(principal);
    return () => {
      if (access.principal !== principal) {
        principal = access.principal;
        visibility = this.access.visibilityOf(principal);
      }
      return visibility;
    };
  }
}
