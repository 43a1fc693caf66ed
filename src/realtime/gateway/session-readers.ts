import type { LiveAccess } from '../../auth/live-access.state.js';
import type { Outlet } from '../hub/outlet.js';
import type { SessionReader } from '../hub/session-reader.js';
import type { PreparedStream, SessionStreams, StreamEnds, StreamOptions } from '../hub/session-streams.service.js';

interface Held {
  /** The subscriptions it belongs to, with what they want to hear of it. */
  readonly owners: Map<string, StreamEnds>;
  reader: SessionReader | undefined;
  isCaughtUp: boolean;
}

/** The sessions one connection is sent: one reader each, shared by its subscriptions. */
export class SessionReaders {
  private readonly held = new Map<string, Held>();

  constructor(
    private readonly access: LiveAccess,
    private readonly outlet: Outlet,
    private readonly streams: SessionStreams,
  ) {}

  has(sessionId: string): boolean {
    return this.held.has(sessionId);
  }

  /** A stream is about to start for this subscription: whoever else wants the session shares it. {@link leave} takes it back. */
  reserve(sessionId: string, owner: string, ends: StreamEnds): void {
    this.held.set(sessionId, { owners: new Map([[owner, ends]]), reader: undefined, isCaughtUp: false });
  }

  /** Starts what was reserved, if somebody still wants it. */
  start(prepared: PreparedStream): void {
    const { sessionId } = prepared;
    const held = this.held.get(sessionId);
    if (this.outlet.isClosed || !held || held.reader) return prepared.cancel();
    held.reader = prepared.start(this.outlet, {
      onEnd: () => {
        this.held.delete(sessionId);
        held.owners.forEach(({ onEnd }) => onEnd());
      },
      onCaughtUp: () => {
        held.isCaughtUp = true;
        held.owners.forEach(({ onCaughtUp }) => onCaughtUp?.());
      },
    });
  }

  /**
   * Makes a session part of a subscription to many; `isWanted` is asked again when it could start.
   * @throws SessionNotFoundError, ResyncRequiredError
   */
  async join(sessionId: string, owner: string, options: StreamOptions, ends: StreamEnds, isWanted: () => boolean): Promise<void> {
    if (this.share(sessionId, owner, ends)) return;
    await this.access.lookUp(
      (principal) => this.streams.prepare(principal, sessionId, options),
      (prepared) => {
        if (!isWanted() || this.share(sessionId, owner, ends)) return prepared.cancel();
        this.reserve(sessionId, owner, ends);
        this.start(prepared);
      },
      (prepared) => prepared.cancel(),
    );
  }

  /** Ends what only this subscription wanted: of one session, or of all. */
  leave(owner: string, sessionId?: string): void {
    const one = sessionId === undefined ? undefined : this.held.get(sessionId);
    const left: Iterable<[string, Held]> = sessionId === undefined ? this.held : one ? [[sessionId, one]] : [];
    for (const [id, held] of left) {
      if (!held.owners.delete(owner) || held.owners.size > 0) continue;
      this.held.delete(id);
      held.reader?.close();
    }
  }

  private share(sessionId: string, owner: string, ends: StreamEnds): boolean {
    const held = this.held.get(sessionId);
    if (!held) return false;
    held.owners.set(owner, ends);
    if (held.isCaughtUp) ends.onCaughtUp?.();
    return true;
  }
}
