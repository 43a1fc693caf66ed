import type { ConversationContext } from '../sessions/conversation-context.service.js';
import type { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import type { AgentSlots } from './agent-slots.service.js';
import type { AgentStarter } from './agent-starter.service.js';

/** Why somebody ends a session's agent. `keeps`: one that can goes on alone, for the next start of this server. */
export type EndRequest =
  | { readonly kind: 'stop' | 'suspend'; readonly reason: string }
  | { readonly kind: 'shutdown'; readonly reason: string; readonly keeps: boolean }
  | { readonly kind: 'deleted' };

/** What sessions' drivers share. Times are in milliseconds, 0 means none. */
export interface DriverSurroundings {
  readonly lifecycle: SessionLifecycle;
  readonly starter: AgentStarter;
  readonly slots: AgentSlots;
  readonly context: ConversationContext;
  readonly idleTimeoutMs: number;
  readonly turnTimeoutMs: number;
  readonly stopGraceMs: number;
}

/** The turn under way. */
export interface TurnUnderWay {
  /** Position of its begin in the feed: an interrupt that was asked for before is not meant for it. */
  readonly position: number;
  isPrompted: boolean;
  isInterrupted: boolean;
}
