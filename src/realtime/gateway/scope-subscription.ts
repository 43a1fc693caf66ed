import { Logger } from '@nestjs/common';
import type { Access } from '../../auth/access.service.js';
import { canSee, type Principal } from '../../auth/principal.types.js';
import { DomainError } from '../../core/errors/domain.error.js';
import { problemOf } from '../../core/errors/problem.js';
import { type Cursor, formatCursor } from '../../events/cursor.js';
import { LogNotFoundError, ResyncRequiredError } from '../../events/events.errors.js';
import type { SessionsService } from '../../sessions/sessions.service.js';
import { SessionNotFoundError } from '../../sessions/sessions.errors.js';
import type { WorkspacesService } from '../../workspaces/workspaces.service.js';
import { errorFrame } from '../error-frame.js';
import { outFrame } from '../frames.types.js';
import type { FeedFollower } from '../hub/feed-follower.service.js';
import type { Outlet } from '../hub/outlet.js';
import { resyncFrame } from '../resync-frame.js';
import type { SessionReaders } from './session-readers.js';

export interface ScopeSources {
  readonly sessions: SessionsService;
  readonly workspaces: WorkspacesService;
  readonly access: Access;
  readonly follower: FeedFollower;
}

export interface ScopeOptions {
  readonly subscription: string;
  readonly workspaceId?: string;
  readonly cursors: ReadonlyMap<string, Cursor>;
  readonly deltas: boolean;
}

const PAGE = 200;

/** Every session that may be seen (of one workspace), those there are and those to come. */
export class ScopeSubscription {
  private readonly logger = new Logger(ScopeSubscription.name);
  private readonly known = new Set<string>();
  /** Sessions of the beginning that are not caught up yet. */
  private readonly waiting = new Set<string>();
  private isListed = false;
  private isClosed = false;
  private leave: (() => void) | undefined;
  private adding: Promise<void> = Promise.resolve();

  constructor(
    private readonly principal: Principal,
    private readonly outlet: Outlet,
    private readonly readers: SessionReaders,
    private readonly sources: ScopeSources,
    private readonly options: ScopeOptions,
  ) {}

  start(): void {
    if (this.outlet.isClosed) return;
    this.run().catch((error: unknown) => this.fail(error));
  }

  close(): void {
    this.isClosed = true;
    this.leave?.();
  }

  private async run(): Promise<void> {
    const visibility = this.sources.access.visibilityOf(this.principal);
    const { workspaceId } = this.options;
    // New ones are heard of before the present ones are listed: none falls in between.
    this.leave = await this.sources.follower.listen((events) => {
      for (const event of events)
        if (
          event.name === 'session.created' &&
          event.sessionId !== null &&
          canSee(visibility, event) &&
          (workspaceId === undefined || event.workspaceId === workspaceId)
        )
          this.add(event.sessionId);
    });
    if (this.isClosed) return this.leave();
    for (let cursor: string | undefined; ;) {
      const page = await this.sources.sessions.list(this.principal, { workspaceId, sort: 'createdAt', limit: PAGE, cursor });
      for (const { session } of page.items) {
        if (!this.known.has(session.id)) this.waiting.add(session.id);
        this.add(session.id);
      }
      await this.adding;
      if (this.isClosed) return;
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    this.endForgotten();
    this.isListed = true;
    this.noteCaughtUp();
  }

  /** One after the other, as fast as the reader takes them. */
  private add(sessionId: string): void {
    if (this.known.has(sessionId)) return;
    this.known.add(sessionId);
    this.adding = this.adding.then(() => this.join(sessionId)).catch((error: unknown) => this.fail(error));
  }

  private async join(sessionId: string): Promise<void> {
    await this.outlet.drained();
    if (this.isClosed) return;
    const done = (): void => {
      this.waiting.delete(sessionId);
      this.noteCaughtUp();
    };
    const { subscription, cursors, deltas } = this.options;
    try {
      await this.readers.join(
        sessionId,
        subscription,
        { after: cursors.get(sessionId), deltas },
        { onEnd: done, onCaughtUp: done },
        () => !this.isClosed,
      );
    } catch (error) {
      if (error instanceof ResyncRequiredError) this.outlet.send(resyncFrame(error));
      else if (!(error instanceof SessionNotFoundError || error instanceof LogNotFoundError)) throw error;
      done();
    }
  }

  /** A session that the reader knows and that is no longer there: it hears so. */
  private endForgotten(): void {
    for (const [sessionId, { epoch, seq }] of this.options.cursors)
      if (!this.known.has(sessionId) && epoch !== null)
        this.outlet.send(outFrame({ type: 'end', sessionId, cursor: formatCursor(epoch, seq), status: 'deleted' }));
  }

  private noteCaughtUp(): void {
    if (!this.isListed || this.waiting.size > 0 || this.isClosed) return;
    this.isListed = false;
    this.outlet.send(outFrame({ type: 'caught_up', subscription: this.options.subscription, sessions: this.known.size }));
  }

  private fail(error: unknown): void {
    if (this.isClosed) return;
    if (!(error instanceof DomainError)) this.logger.error({ msg: 'a subscription failed', err: error });
    this.outlet.send(errorFrame(problemOf(error)));
  }
}
