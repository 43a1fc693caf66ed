import type { WebSocket } from 'ws';

export interface HeartbeatOptions {
  readonly everyMs: number;
  readonly pongWithinMs: number;
  /** Changes whenever something was heard from the peer or it took something: a slow reader's pong waits behind its data. */
  readonly progress: () => number;
  /** The peer is not heard because it is not listened to. */
  readonly isPaused: () => boolean;
  readonly onDead: () => void;
}

/** Pings a peer; a half-open connection is found after `everyMs + pongWithinMs` at the latest. Ends with the socket. */
export function keepAlive(socket: WebSocket, { everyMs, pongWithinMs, progress, isPaused, onDead }: HeartbeatOptions): void {
  let heard = 0;
  let overdue: NodeJS.Timeout | undefined;
  socket.on('pong', () => void heard++);
  socket.on('message', () => void heard++);
  const timer = setInterval(() => {
    if (isPaused()) return;
    const before = heard + progress();
    socket.ping();
    clearTimeout(overdue);
    overdue = setTimeout(() => {
      if (!isPaused() && heard + progress() === before) onDead();
    }, pongWithinMs);
  }, everyMs);
  socket.once('close', () => {
    clearInterval(timer);
    clearTimeout(overdue);
  });
}
