import type { DomainError } from '../core/errors/domain.error.js';
import { UnauthenticatedError } from './auth.errors.js';
import type { Principal } from './principal.types.js';

/** What is told to something that lives longer than a request: a connection, a stream, a call that waits. */
export interface AccessWatcher {
  /**
   * Something changed that may concern it: nothing more may be shown until one of the others is called. May be called before
   * `watch` has returned. `deletedWorkspaceId`: what belonged to this workspace belongs to none from now on.
   */
  held(deletedWorkspaceId?: string): void;
  /** It goes on as the principal that its access has now. */
  changed(): void;
  /** Nothing may be shown any more: the credential ended, or nobody can tell whether it did. */
  ended(error: DomainError): void;
}

/** Whose something long-lived is, as of now. */
export class LiveAccess {
  private state: 'good' | 'held' | 'ended' = 'good';
  private error: DomainError | undefined;
  private waiting: (() => void)[] = [];
  /** Counts how often it was looked at anew. */
  revision = 0;

  constructor(
    private current: Principal,
    private readonly watcher: AccessWatcher,
    private readonly leave: (access: LiveAccess) => void,
  ) {}

  get principal(): Principal {
    return this.current;
  }

  /** It is being looked up whether this principal may still do what it did. */
  get isHeld(): boolean {
    return this.state === 'held';
  }

  /** The principal; a promise of it only while it is being looked up. */
  get now(): Principal | Promise<Principal> {
    return this.state === 'good' ? this.current : this.settled();
  }

  /** Resolves as soon as nothing is being looked up. @throws UnauthenticatedError, UnavailableError where it has ended */
  async settled(): Promise<Principal> {
    while (this.state === 'held') await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.hasEnded()) throw this.error ?? new UnauthenticatedError();
    return this.current;
  }

  /**
   * Looks something up as this principal, and uses it in the same turn in which it is still what was looked up for; otherwise it
   * is dropped and looked up again.
   * @throws UnauthenticatedError, UnavailableError where it has ended, and what `look` and `use` throw
   */
  async lookUp<T, R>(look: (principal: Principal) => Promise<T>, use: (found: T) => R, drop?: (found: T) => void): Promise<R> {
    for (;;) {
      const principal = await this.settled();
      const { revision } = this;
      const found = await look(principal);
      if (this.state === 'good' && this.revision === revision) return use(found);
      drop?.(found);
    }
  }

  /** Nobody needs it any more. */
  close(): void {
    if (this.hasEnded()) return;
    this.state = 'ended';
    this.leave(this);
    this.release();
  }

  /** For {@link AccessWatch} only, as the following ones. */
  hold(deletedWorkspaceId?: string): void {
    if (this.hasEnded()) return;
    this.state = 'held';
    this.watcher.held(deletedWorkspaceId);
  }

  change(principal: Principal): void {
    if (this.hasEnded()) return;
    this.current = principal;
    this.revision += 1;
    this.state = 'good';
    this.watcher.changed();
    this.release();
  }

  end(error: DomainError): void {
    if (this.hasEnded()) return;
    this.state = 'ended';
    this.error = error;
    this.leave(this);
    this.watcher.ended(error);
    this.release();
  }

  private hasEnded(): boolean {
    return this.state === 'ended';
  }

  private release(): void {
    const { waiting } = this;
    this.waiting = [];
    waiting.forEach((resolve) => resolve());
  }
}
