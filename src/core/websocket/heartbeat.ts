import type { WebSocket } from 'ws';

export interface HeartbeatOptions {
  readonly everyMs: number;
  readonly pongWithinMs: number;
  /** Nothing can be heard of the peer now: it is not listened to, or a ping would wait behind what it has not taken yet. */
  readonly isExcused: () => boolean;
  readonly onDead: () => void;
}

/** Pings a peer; a half-open connection is found after `everyMs + pongWithinMs` at the latest. Ends with the socket. */
export function keepAlive(socket: WebSocket, { everyMs, pongWithinMs, isExcused, onDead }: HeartbeatOptions): void {
  let heard = 0;
  let overdue: NodeJS.Timeout | undefined;
  socket.on('pong', () => void heard++);
  socket.on('message', () => void heard++);
  const timer = setInterval(() => {
    if (isExcused()) return;
    const before = heard;
    socket.ping();
    clearTimeout(overdue);
    overdue = setTimeout(() => {
      if (!isExcused() && heard === before) onDead();
    }, pongWithinMs);
  }, everyMs);
  socket.once('close', () => {
    clearInterval(timer);
    clearTimeout(overdue);
  });
}
