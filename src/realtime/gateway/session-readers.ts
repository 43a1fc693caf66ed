import type { Principal } from '../../auth/principal.types.js';
import type { Outlet } from '../hub/outlet.js';
import type { SessionReader } from '../hub/session-reader.js';
import type { PreparedStream, SessionStreams, StreamEnds, StreamOptions } from '../hub/session-streams.service.js';

interface Held {
  /** The subscriptions it belongs to. */
  readonly owners: Set<string>;
  reader: SessionReader | undefined;
  readonly ends: Set<StreamEnds>;
  isCaughtUp: boolean;
}

/** The sessions one connection is sent: one reader each, shared by its subscriptions. */
export class SessionReaders {
  private readonly held = new Map<string, Held>();

  constructor(
    private readonly principal: Principal,
    private readonly outlet: Outlet,
    private readonly streams: SessionStreams,
  ) {}

  has(sessionId: string): boolean {
    return this.held.has(sessionId);
  }

  /** Starts a stream for a subscription. */
  start(prepared: PreparedStream, owner: string, ends: StreamEnds): void {
    if (this.outlet.isClosed) return prepared.cancel();
    const { sessionId } = prepared;
    const held: Held = { owners: new Set([owner]), reader: undefined, ends: new Set([ends]), isCaughtUp: false };
    this.held.set(sessionId, held);
    held.reader = prepared.start(this.outlet, {
      onEnd: () => {
        this.held.delete(sessionId);
        held.ends.forEach(({ onEnd }) => onEnd());
      },
      onCaughtUp: () => {
        held.isCaughtUp = true;
        held.ends.forEach(({ onCaughtUp }) => onCaughtUp?.());
      },
    });
  }

  /**
   * Makes a session part of a subscription to many; `isWanted` is asked again when it could start.
   * @throws SessionNotFoundError, ResyncRequiredError
   */
  async join(sessionId: string, owner: string, options: StreamOptions, ends: StreamEnds, isWanted: () => boolean): Promise<void> {
    if (this.share(sessionId, owner, ends)) return;
    const prepared = await this.streams.prepare(this.principal, sessionId, options);
    if (!isWanted() || this.share(sessionId, owner, ends)) return prepared.cancel();
    this.start(prepared, owner, ends);
  }

  /** Ends what only this subscription wanted. */
  leave(owner: string): void {
    for (const [sessionId, held] of this.held) {
      if (!held.owners.delete(owner) || held.owners.size > 0) continue;
      this.held.delete(sessionId);
      held.reader?.close();
    }
  }

  private share(sessionId: string, owner: string, ends: StreamEnds): boolean {
    const held = this.held.get(sessionId);
    if (!held) return false;
    held.owners.add(owner);
    held.ends.add(ends);
    if (held.isCaughtUp) ends.onCaughtUp?.();
    return true;
  }
}
