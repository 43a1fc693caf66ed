import type { Principal } from '../../auth/principal.types.js';
import { parseCursor } from '../../events/cursor.js';
import { ResyncRequiredError } from '../../events/events.errors.js';
import type { FrameId } from '../../core/websocket/websocket.errors.js';
import type { FeedStreams } from '../hub/feed-streams.service.js';
import type { Outlet } from '../hub/outlet.js';
import type { SessionStreams } from '../hub/session-streams.service.js';
import type { RealtimeLimits } from '../realtime-limits.js';
import { AlreadySubscribedError, NotSubscribedError, TooManySubscriptionsError } from '../realtime.errors.js';
import { resyncFrame } from '../resync-frame.js';
import type { Answer } from './command.js';
import { type ScopeSources, ScopeSubscription } from './scope-subscription.js';
import { SessionReaders } from './session-readers.js';

export interface SubscriptionSources extends ScopeSources {
  readonly streams: SessionStreams;
  readonly feeds: FeedStreams;
  readonly limits: RealtimeLimits;
}

interface Subscription {
  readonly id: string;
  /** What it was made with, and what that means: both name it. */
  readonly targets: readonly string[];
  readonly close: () => void;
}

export interface ScopeTarget {
  /** Absent: every session that may be seen. */
  readonly workspaceId?: string;
  readonly cursors?: Readonly<Record<string, string>>;
  readonly deltas?: boolean;
}

/** What one connection follows. A session is sent to it once, however many subscriptions it belongs to. */
export class Subscriptions {
  private readonly all = new Map<string, Subscription>();
  private readonly readers: SessionReaders;
  private drawn = 0;

  constructor(
    private readonly principal: Principal,
    private readonly outlet: Outlet,
    private readonly sources: SubscriptionSources,
  ) {
    this.readers = new SessionReaders(principal, outlet, sources.streams);
    outlet.onClose(() => this.all.forEach(({ close }) => close()));
  }

  /** @throws SessionNotFoundError, AlreadySubscribedError, TooManySubscriptionsError, InvalidInputError */
  async toSession(
    given: string,
    { after = '0', deltas = true }: { after?: string; deltas?: boolean },
    id: FrameId | undefined,
  ): Promise<Answer> {
    this.assertNew(sessionTarget(given));
    const cursor = parseCursor(after);
    try {
      const prepared = await this.sources.streams.prepare(this.principal, given, { after: cursor, deltas });
      const { sessionId } = prepared;
      if (this.readers.has(sessionId)) {
        prepared.cancel();
        throw alreadySubscribed(`session ${sessionId}`);
      }
      const subscription = this.newId();
      this.add(subscription, [sessionTarget(given), sessionTarget(sessionId)], () => this.readers.leave(subscription));
      return {
        data: { subscription, sessionId },
        afterwards: () => this.readers.start(prepared, subscription, { onEnd: () => this.all.delete(subscription) }),
      };
    } catch (error) {
      if (error instanceof ResyncRequiredError) return { frame: resyncFrame(error, id) };
      throw error;
    }
  }

  /** @throws WorkspaceNotFoundError, AlreadySubscribedError, TooManySubscriptionsError, InvalidInputError */
  async toScope({ workspaceId, cursors = {}, deltas = true }: ScopeTarget): Promise<Answer> {
    const target = scopeTarget(workspaceId);
    this.assertNew(target);
    const after = new Map(Object.entries(cursors).map(([sessionId, text]) => [sessionId, parseCursor(text, `cursors.${sessionId}`)]));
    if (workspaceId !== undefined) await this.sources.workspaces.getVisible(this.principal, workspaceId);
    const subscription = this.newId();
    const scope = new ScopeSubscription(this.principal, this.outlet, this.readers, this.sources, {
      subscription,
      workspaceId,
      cursors: after,
      deltas,
    });
    this.add(subscription, [target], () => {
      scope.close();
      this.readers.leave(subscription);
    });
    return { data: { subscription }, afterwards: () => scope.start() };
  }

  /** @throws WorkspaceNotFoundError, AlreadySubscribedError, TooManySubscriptionsError, InvalidInputError */
  async toFeed({ after = '0', workspaceId }: { after?: string; workspaceId?: string }, id: FrameId | undefined): Promise<Answer> {
    const target = feedTarget(workspaceId);
    this.assertNew(target);
    const cursor = parseCursor(after);
    try {
      const begin = await this.sources.feeds.prepare(this.principal, { after: cursor, workspaceId });
      let close: (() => void) | undefined;
      const subscription = this.newId();
      this.add(subscription, [target], () => close?.());
      return {
        data: { subscription },
        afterwards: () => {
          if (this.outlet.isClosed) return;
          const reader = begin(this.outlet, () => this.all.delete(subscription));
          close = () => reader.close();
        },
      };
    } catch (error) {
      if (error instanceof ResyncRequiredError) return { frame: resyncFrame(error, id) };
      throw error;
    }
  }

  /** @throws NotSubscribedError */
  end(name: { subscription: string } | { target: string }): Answer {
    const found =
      'subscription' in name
        ? this.all.get(name.subscription)
        : [...this.all.values()].find(({ targets }) => targets.includes(name.target));
    if (!found)
      throw new NotSubscribedError('There is no such subscription on this connection.', {
        remedy: 'It may have ended: an ended session ends its subscription.',
      });
    this.all.delete(found.id);
    found.close();
    return { data: { subscription: found.id } };
  }

  private assertNew(target: string): void {
    if ([...this.all.values()].some(({ targets }) => targets.includes(target))) throw alreadySubscribed(target);
    const { subscriptions } = this.sources.limits;
    if (this.all.size >= subscriptions)
      throw new TooManySubscriptionsError(`A connection has ${subscriptions} subscriptions at most.`, {
        remedy: 'Unsubscribe, open another connection, or follow a workspace.',
      });
  }

  private newId(): string {
    return `s${++this.drawn}`;
  }

  private add(id: string, targets: readonly string[], close: () => void): void {
    this.all.set(id, { id, targets, close });
  }
}

export const sessionTarget = (id: string): string => `session ${id}`;
export const scopeTarget = (workspaceId: string | undefined): string => (workspaceId === undefined ? 'all' : `workspace ${workspaceId}`);
export const feedTarget = (workspaceId: string | undefined): string => `feed ${workspaceId ?? ''}`;

const alreadySubscribed = (target: string): AlreadySubscribedError =>
  new AlreadySubscribedError(`This connection follows this already: ${target.trim().slice(0, 100)}.`, {
    remedy: 'Unsubscribe first, to begin from another cursor.',
  });
