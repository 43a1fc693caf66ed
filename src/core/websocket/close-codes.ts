/**
 * Why the server closes a WebSocket. 1001, 1007 and 1009 are of RFC 6455 §7.4.1, 1013 is IANA's (WebSocket Close Code Number Registry); 4000 to 4999 are ours. 1007 (text that is not
 * UTF-8) and 1009 (a frame over 8 MiB) come from the protocol layer itself.
 */
export const CLOSE = {
  /** The server is shutting down: connect again in a moment, with the cursors. */
  goingAway: 1001,
  /** The reader took nothing for 60 s, or a ping stayed unanswered: connect again with the cursors. */
  slow: 4008,
  /** It can't be told whether the credentials are still good: connect again in a moment, with the cursors. */
  tryAgain: 1013,
  /** No valid `auth` frame in time, or the credentials have ended. */
  unauthenticated: 4401,
} as const;

export const SHUTDOWN_REASON = 'server is shutting down';
