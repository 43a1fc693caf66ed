import { Logger } from '@nestjs/common';
import type { Access } from '../../auth/access.service.js';
import type { LiveAccess } from '../../auth/live-access.state.js';
import { canSee, type Visibility } from '../../auth/principal.types.js';
import type { DomainEvent } from '../../core/event-bus/domain-event.types.js';
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
import { SessionSight } from '../hub/sight.js';
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
  /** What belongs to it, and whether it is in sight; `over`: nothing of it follows, and it is not begun again. */
  private readonly known = new Map<string, SessionSight | 'over'>();
  /** Sessions of the beginning that are not caught up yet. */
  private readonly waiting = new Set<string>();
  private isListed = false;
  private isClosed = false;
  private hasForgotten = false;
  private leave: (() => void) | undefined;
  private adding: Promise<void> = Promise.resolve();
  private listing: Promise<void> = Promise.resolve();

  constructor(
    private readonly live: LiveAccess,
    private readonly outlet: Outlet,
    private readonly readers: SessionReaders,
    private readonly sources: ScopeSources,
    private readonly options: ScopeOptions,
  ) {}

  start(): void {
    if (this.outlet.isClosed) return;
    this.listing = this.run().catch((error: unknown) => this.fail(error));
  }

  close(): void {
    this.isClosed = true;
    this.leave?.();
  }

  /** A workspace is no longer there: its sessions belong to their owners. To be followed by {@link review}. */
  forgetWorkspace(workspaceId: string): void {
    this.hasForgotten = true;
    this.known.forEach((sight) => sight !== 'over' && sight.forgetWorkspace(workspaceId));
  }

  /** Drops, and tells, what is out of sight; adds what came into it. */
  review(before: Visibility, after: Visibility): void {
    for (const [sessionId, sight] of [...this.known]) {
      if (sight === 'over' || sight.isIn(after)) continue;
      this.known.delete(sessionId);
      this.readers.leave(this.options.subscription, sessionId);
      this.outlet.send(sight.withdrawn(this.options.subscription));
      this.done(sessionId);
    }
    for (const scope of this.gained(before, after))
      this.listing = this.listing.then(() => this.list(scope)).catch((error: unknown) => this.fail(error));
  }

  private async run(): Promise<void> {
    // New ones are heard of before the present ones are listed: none falls in between.
    this.leave = await this.sources.follower.listen((events) => {
      const visibility = this.sources.access.visibilityOf(this.live.principal);
      for (const event of events) this.hear(event, visibility);
    });
    if (this.isClosed) return this.leave();
    await this.list(this.options.workspaceId, true);
    if (this.isClosed) return;
    this.endForgotten();
    this.isListed = true;
    this.noteCaughtUp();
  }

  private hear(event: DomainEvent, visibility: Visibility): void {
    const { name, sessionId, workspaceId } = event;
    if (sessionId === null) return;
    // A deleted session comes never again.
    if (name === 'session.deleted' && this.known.get(sessionId) === 'over') this.known.delete(sessionId);
    const isWanted = this.options.workspaceId === undefined || workspaceId === this.options.workspaceId;
    if (name === 'session.created' && isWanted && canSee(visibility, event)) this.add(sessionId, new SessionSight(event, sessionId));
  }

  /** Adds every session that may be seen (of one workspace). */
  private async list(workspaceId: string | undefined, isFirst = false): Promise<void> {
    for (let cursor: string | undefined; !this.isClosed;) {
      const principal = await this.live.settled();
      const page = await this.sources.sessions.list(principal, { workspaceId, sort: 'createdAt', limit: PAGE, cursor });
      for (const { session } of page.items) {
        if (isFirst && !this.known.has(session.id)) this.waiting.add(session.id);
        this.add(session.id, new SessionSight({ ...session, sessionId: session.id }, session.id));
      }
      await this.adding;
      if (page.nextCursor === null) return;
      cursor = page.nextCursor;
    }
  }

  /** The workspaces to look for sessions in; undefined: everywhere, because sessions of a workspace that is gone are their owners'. */
  private gained(before: Visibility, after: Visibility): (string | undefined)[] {
    const isEverywhere = this.hasForgotten;
    this.hasForgotten = false;
    if (this.options.workspaceId !== undefined || after.all) return [];
    if (isEverywhere || before.all) return [undefined];
    return after.workspaceIds.filter((each) => !before.workspaceIds.includes(each));
  }

  /** One after the other, as fast as the reader takes them. */
  private add(sessionId: string, sight: SessionSight): void {
    if (this.known.has(sessionId)) return;
    this.known.set(sessionId, sight);
    this.adding = this.adding.then(() => this.join(sessionId, sight)).catch((error: unknown) => this.fail(error));
  }

  private async join(sessionId: string, sight: SessionSight): Promise<void> {
    await this.outlet.drained();
    const isWanted = () => !this.isClosed && this.known.get(sessionId) === sight;
    if (!isWanted()) return;
    const done = (): void => this.done(sessionId);
    const over = (): void => {
      if (this.known.get(sessionId) === sight) this.known.set(sessionId, 'over');
      done();
    };
    const { subscription, cursors, deltas } = this.options;
    try {
      const options = { after: cursors.get(sessionId), deltas };
      await this.readers.join(sessionId, subscription, options, { onEnd: over, onCaughtUp: done }, isWanted);
    } catch (error) {
      if (error instanceof ResyncRequiredError) {
        this.outlet.send(resyncFrame(error));
        return over();
      }
      if (!(error instanceof SessionNotFoundError || error instanceof LogNotFoundError)) throw error;
      if (isWanted()) this.known.delete(sessionId);
      done();
    }
  }

  /** A session that the reader knows and that is no longer there: it hears so. */
  private endForgotten(): void {
    for (const [sessionId, { epoch, seq }] of this.options.cursors)
      if (!this.known.has(sessionId) && epoch !== null)
        this.outlet.send(outFrame({ type: 'end', sessionId, cursor: formatCursor(epoch, seq), status: 'deleted' }));
  }

  private done(sessionId: string): void {
    this.waiting.delete(sessionId);
    this.noteCaughtUp();
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
