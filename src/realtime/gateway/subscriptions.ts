import type { LiveAccess } from '../../auth/live-access.state.js';
import type { Visibility } from '../../auth/principal.types.js';
import { parseCursor } from '../../events/cursor.js';
import { ResyncRequiredError } from '../../events/events.errors.js';
import type { FrameId } from '../../core/websocket/websocket.errors.js';
import type { FeedStreams } from '../hub/feed-streams.service.js';
import type { Outlet } from '../hub/outlet.js';
import type { SessionStreams } from '../hub/session-streams.service.js';
import { EVERYTHING, type Sight, WorkspaceSight } from '../hub/sight.js';
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
  readonly sight: Sight;
  readonly close: () => void;
  readonly scope?: ScopeSubscription;
  /** Its request is answered: it may be sent something. */
  isBegun: boolean;
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
  private visibility: Visibility;
  private drawn = 0;

  constructor(
    private readonly live: LiveAccess,
    private readonly outlet: Outlet,
    private readonly sources: SubscriptionSources,
  ) {
    this.readers = new SessionReaders(live, outlet, sources.streams);
    this.visibility = sources.access.visibilityOf(live.principal);
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
    return this.orResync(id, () =>
      this.live.lookUp(
        (principal) => this.sources.streams.prepare(principal, given, { after: cursor, deltas }),
        (prepared) => {
          const { sessionId, sight } = prepared;
          if (this.readers.has(sessionId)) {
            prepared.cancel();
            throw alreadySubscribed(`session ${sessionId}`);
          }
          const name = this.newId();
          const targets = [sessionTarget(given), sessionTarget(sessionId)];
          const subscription = this.add({ id: name, targets, sight, close: () => this.readers.leave(name) });
          this.readers.reserve(sessionId, name, { onEnd: () => this.all.delete(name) });
          return {
            data: { subscription: name, sessionId },
            afterwards: () =>
              this.begin(
                subscription,
                () => this.readers.start(prepared),
                () => prepared.cancel(),
              ),
          };
        },
        (prepared) => prepared.cancel(),
      ),
    );
  }

  /** @throws WorkspaceNotFoundError, AlreadySubscribedError, TooManySubscriptionsError, InvalidInputError */
  async toScope({ workspaceId, cursors = {}, deltas = true }: ScopeTarget): Promise<Answer> {
    const target = scopeTarget(workspaceId);
    this.assertNew(target);
    const after = new Map(Object.entries(cursors).map(([sessionId, text]) => [sessionId, parseCursor(text, `cursors.${sessionId}`)]));
    return this.live.lookUp(
      async (principal) => {
        if (workspaceId !== undefined) await this.sources.workspaces.getVisible(principal, workspaceId);
      },
      () => {
        const name = this.newId();
        const options = { subscription: name, workspaceId, cursors: after, deltas };
        const scope = new ScopeSubscription(this.live, this.outlet, this.readers, this.sources, options);
        const close = () => {
          scope.close();
          this.readers.leave(name);
        };
        const subscription = this.add({ id: name, targets: [target], sight: sightOf(workspaceId), close, scope });
        return { data: { subscription: name }, afterwards: () => this.begin(subscription, () => scope.start()) };
      },
    );
  }

  /** @throws WorkspaceNotFoundError, AlreadySubscribedError, TooManySubscriptionsError, InvalidInputError */
  async toFeed({ after = '0', workspaceId }: { after?: string; workspaceId?: string }, id: FrameId | undefined): Promise<Answer> {
    const target = feedTarget(workspaceId);
    this.assertNew(target);
    const cursor = parseCursor(after);
    return this.orResync(id, () =>
      this.live.lookUp(
        (principal) => this.sources.feeds.prepare(principal, { after: cursor, workspaceId }),
        ({ sight, begin }) => {
          let stop: (() => void) | undefined;
          const name = this.newId();
          const subscription = this.add({ id: name, targets: [target], sight, close: () => stop?.() });
          const start = () => {
            const reader = begin(this.live, this.outlet, () => this.all.delete(name));
            stop = () => reader.close();
          };
          return { data: { subscription: name }, afterwards: () => this.begin(subscription, start) };
        },
      ),
    );
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

  /** A workspace is no longer there. To be followed by {@link review}. */
  forgetWorkspace(workspaceId: string): void {
    for (const { sight, scope } of this.all.values()) {
      sight.forgetWorkspace(workspaceId);
      scope?.forgetWorkspace(workspaceId);
    }
  }

  /** The principal may see more or less than before: ends what is out of sight, and tells so. */
  review(): void {
    const before = this.visibility;
    this.visibility = this.sources.access.visibilityOf(this.live.principal);
    for (const subscription of [...this.all.values()]) {
      if (!subscription.isBegun) continue;
      if (!subscription.sight.isIn(this.visibility)) this.withdraw(subscription);
      else subscription.scope?.review(before, this.visibility);
    }
  }

  /** Behind the answer to its request. What changed since that was made is looked at first. */
  private async begin(subscription: Subscription, start: () => void, cancel: () => void = () => undefined): Promise<void> {
    try {
      while (this.live.isHeld) await this.live.settled();
    } catch {
      // The connection is being closed, because its credential has ended.
      return cancel();
    }
    if (this.outlet.isClosed || !this.all.has(subscription.id)) return cancel();
    subscription.isBegun = true;
    if (subscription.sight.isIn(this.visibility)) return start();
    cancel();
    this.withdraw(subscription);
  }

  private withdraw({ id, sight, close }: Subscription): void {
    this.all.delete(id);
    close();
    this.outlet.send(sight.withdrawn(id));
  }

  private async orResync(id: FrameId | undefined, subscribe: () => Promise<Answer>): Promise<Answer> {
    try {
      return await subscribe();
    } catch (error) {
      if (error instanceof ResyncRequiredError) return { frame: resyncFrame(error, id) };
      throw error;
    }
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

  private add(given: Omit<Subscription, 'isBegun'>): Subscription {
    const subscription = { ...given, isBegun: false };
    this.all.set(given.id, subscription);
    return subscription;
  }
}

const sightOf = (workspaceId: string | undefined): Sight => (workspaceId === undefined ? EVERYTHING : new WorkspaceSight(workspaceId));

export const sessionTarget = (id: string): string => `session ${id}`;
export const scopeTarget = (workspaceId: string | undefined): string => (workspaceId === undefined ? 'all' : `workspace ${workspaceId}`);
export const feedTarget = (workspaceId: string | undefined): string => `feed ${workspaceId ?? ''}`;

const alreadySubscribed = (target: string): AlreadySubscribedError =>
  new AlreadySubscribedError(`This connection follows this already: ${target.trim().slice(0, 100)}.`, {
    remedy: 'Unsubscribe first, to begin from another cursor.',
  });
