import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { UnavailableError } from '../core/errors/domain.error.js';
import type { DomainEvent, DomainEventName } from '../core/event-bus/domain-event.types.js';
import { EventBus } from '../core/event-bus/event-bus.js';
import { isAdmin } from './access.service.js';
import { UnauthenticatedError } from './auth.errors.js';
import { Authenticator } from './authenticator.service.js';
import { isAccessChange } from './forget-when-access-changed.listener.js';
import { type AccessWatcher, LiveAccess } from './live-access.state.js';
import type { Principal } from './principal.types.js';

/** Look-ups at the same time: the rest of the server needs the database too. */
const AT_ONCE = 8;
/** The longest time that `setTimeout` can wait: 2^31 − 1 ms. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/** What may have changed for whom. */
export interface AccessChange {
  readonly concerns: (principal: Principal) => boolean;
  readonly deletedWorkspaceId?: string;
}

/** Everything that is open with the same credential. */
interface Group {
  readonly key: string;
  principal: Principal;
  readonly members: Set<LiveAccess>;
  expiry: NodeJS.Timeout | undefined;
}

/**
 * Looks again at who is connected whenever access changed, and when a credential ends by time. What may be concerned is held in the
 * same turn in which the change is announced, so that nothing is shown behind it; then each credential is looked up once,
 * however much is open with it, and however many changes come at the same time.
 */
@Injectable()
export class AccessWatch implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(AccessWatch.name);
  private readonly groups = new Map<string, Group>();
  /** Held, and to be looked up. */
  private readonly toLookUp = new Set<Group>();
  private isLooking = false;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly bus: EventBus,
    private readonly authenticator: Authenticator,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.unsubscribe = this.bus.subscribe((event) => {
      const change = changeOf(event);
      if (change) this.lookAgain(change);
    });
  }

  onModuleDestroy(): void {
    this.unsubscribe?.();
    this.groups.forEach(({ expiry }) => clearTimeout(expiry));
  }

  /** How much is open. */
  get watched(): number {
    return [...this.groups.values()].reduce((sum, { members }) => sum + members.size, 0);
  }

  /** Tells `watcher` of every change that concerns `principal`, until the access it gives is closed. */
  watch(principal: Principal, watcher: AccessWatcher): LiveAccess {
    const group = this.groupOf(principal);
    const access = new LiveAccess(principal, watcher, (each) => this.leave(group, each));
    group.members.add(access);
    if (this.toLookUp.has(group)) access.hold();
    else if (this.authenticator.isOutdated(principal)) {
      access.hold();
      this.enqueue(group);
    } else {
      group.principal = principal;
      this.awaitExpiry(group);
    }
    return access;
  }

  /** Watches while `run` is under way. `onChange` takes what is to be called when the access has changed or ended. */
  async during<T>(principal: Principal, run: (live: LiveAccess, onChange: (wake: () => void) => void) => Promise<T>): Promise<T> {
    let wake = (): void => undefined;
    const live = this.watch(principal, { held: () => undefined, changed: () => wake(), ended: () => wake() });
    try {
      return await run(live, (given) => (wake = given));
    } finally {
      live.close();
    }
  }

  /** For changes that are no domain events. To be called after the commit. */
  lookAgain({ concerns, deletedWorkspaceId }: AccessChange): void {
    for (const group of this.groups.values()) {
      if (!concerns(group.principal)) continue;
      this.enqueue(group);
      [...group.members].forEach((each) => each.hold(deletedWorkspaceId));
    }
  }

  private groupOf(principal: Principal): Group {
    const key = principal.keyId ?? JSON.stringify({ ...principal, roles: undefined });
    const group = this.groups.get(key) ?? { key, principal, members: new Set(), expiry: undefined };
    this.groups.set(key, group);
    return group;
  }

  private leave(group: Group, access: LiveAccess): void {
    group.members.delete(access);
    if (group.members.size > 0) return;
    clearTimeout(group.expiry);
    this.toLookUp.delete(group);
    if (this.groups.get(group.key) === group) this.groups.delete(group.key);
  }

  private enqueue(group: Group): void {
    this.toLookUp.add(group);
    if (this.isLooking) return;
    this.isLooking = true;
    // Behind everything that is announced in this turn.
    queueMicrotask(() => void this.lookUpAll());
  }

  private async lookUpAll(): Promise<void> {
    while (this.toLookUp.size > 0) await Promise.all([...this.toLookUp].slice(0, AT_ONCE).map((group) => this.lookUp(group)));
    this.isLooking = false;
  }

  private async lookUp(group: Group): Promise<void> {
    const principal = await this.find(group);
    // Changed once more meanwhile: stays held and is looked up again.
    if (this.toLookUp.has(group)) return;
    if (principal instanceof Error) return [...group.members].forEach((each) => each.end(principal));
    group.principal = principal;
    this.awaitExpiry(group);
    for (const each of [...group.members]) this.tell(each, principal);
  }

  private async find(group: Group): Promise<Principal | UnauthenticatedError | UnavailableError> {
    this.toLookUp.delete(group);
    try {
      return (await this.authenticator.refreshed(group.principal)) ?? new UnauthenticatedError();
    } catch (error) {
      // Who may be gone is not kept: it comes back and is asked for its credential.
      this.logger.warn({ msg: 'access could not be looked up again; what is open with it is closed', err: error });
      return new UnavailableError('It can not be told whether these credentials are still good.', {
        remedy: 'Connect again in a moment.',
        retryAfterS: 1,
      });
    }
  }

  private tell(access: LiveAccess, principal: Principal): void {
    try {
      access.change(principal);
    } catch (error) {
      this.logger.error({ msg: 'a change of access could not be applied; what is open with it is closed', err: error });
      access.end(
        new UnavailableError('A change of access could not be applied.', { remedy: 'Connect again in a moment.', retryAfterS: 1 }),
      );
    }
  }

  private awaitExpiry(group: Group): void {
    clearTimeout(group.expiry);
    const { validUntil } = group.principal;
    if (validUntil === undefined || group.members.size === 0) return;
    const inMs = Math.max(0, Date.parse(validUntil) - this.clock.nowMs()) + 1;
    const look = () => this.lookAgain({ concerns: (principal) => principal === group.principal });
    group.expiry = setTimeout(look, Math.min(inMs, MAX_TIMEOUT_MS)).unref();
  }
}

const is = <K extends DomainEventName>(event: DomainEvent, ...names: K[]): event is DomainEvent<K> =>
  names.some((name) => name === event.name);

/** Whom an event concerns. What is not known concerns everybody. */
function changeOf(event: DomainEvent): AccessChange | undefined {
  if (!isAccessChange(event.name) || is(event, 'key.created')) return undefined;
  if (is(event, 'key.revoked', 'key.rotated')) {
    const { keyId } = event.data;
    return { concerns: (principal) => principal.keyId === keyId };
  }
  if (is(event, 'workspace.member-set', 'workspace.member-removed')) {
    const { principalId } = event.data;
    return { concerns: (principal) => principal.id === principalId && !isAdmin(principal) };
  }
  if (event.name === 'workspace.created') return { concerns: (principal) => principal.id === event.ownerId && !isAdmin(principal) };
  // An agent has its session, whatever it belongs to.
  if (event.name === 'workspace.deleted' && event.workspaceId !== null)
    return { concerns: ({ kind }) => kind !== 'agent', deletedWorkspaceId: event.workspaceId };
  return { concerns: () => true };
}
