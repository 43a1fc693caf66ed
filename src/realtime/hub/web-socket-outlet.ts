import type { WebSocket } from 'ws';
import { UnauthenticatedError } from '../../auth/auth.errors.js';
import type { DomainError } from '../../core/errors/domain.error.js';
import { CLOSE } from '../../core/websocket/close-codes.js';
import { keepAlive } from '../../core/websocket/heartbeat.js';
import type { RealtimeLimits } from '../realtime-limits.js';
import { Outlet } from './outlet.js';

/** How long a peer that takes nothing may take to answer the close frame that waits behind everything else. */
const CUT_AFTER_MS = 5_000;

/** A WebSocket as outlet, whatever its frames are: found dead by pings, closed with a reason. */
export abstract class WebSocketOutlet extends Outlet {
  constructor(
    protected readonly socket: WebSocket,
    limits: RealtimeLimits,
  ) {
    super(limits);
    socket.once('close', () => this.closed());
    keepAlive(socket, {
      everyMs: limits.pingEveryMs,
      pongWithinMs: limits.pongWithinMs,
      isExcused: () => socket.isPaused || this.isQueued,
      onDead: () => this.close(CLOSE.slow, 'no pong in time'),
    });
  }

  /** Says why and ends the connection; it is cut where the peer does not answer in time. */
  close(code: number, reason: string): void {
    this.closed();
    this.socket.close(code, reason);
    const cut = setTimeout(() => this.socket.terminate(), CUT_AFTER_MS).unref();
    this.socket.once('close', () => clearTimeout(cut));
  }

  /** Closes it because what its principal may do has ended, or can't be told. */
  endAccess(error: DomainError): void {
    if (error instanceof UnauthenticatedError) this.close(CLOSE.unauthenticated, 'the credentials were revoked or have expired');
    else this.close(CLOSE.tryAgain, 'access could not be looked up: connect again');
  }

  protected closeSlow(): void {
    this.close(CLOSE.slow, 'nothing was taken for too long');
  }
}
