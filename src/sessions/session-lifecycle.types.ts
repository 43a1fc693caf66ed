import type { Principal } from '../auth/principal.types.js';
import type { ContentBlock } from '../events/event-payloads.types.js';
import type { SessionEntity } from './persistence/session.entity.js';
import type { TurnState } from './session.types.js';

export interface MoveOptions {
  /** Who caused it; the server itself where absent. */
  readonly by?: Principal;
  readonly reason?: string;
  readonly exitCode?: number;
  readonly exitSignal?: string;
  /** Further columns to write with the move. */
  readonly changes?: Partial<SessionEntity>;
}

/** An input that a turn has taken. */
export interface BegunTurn {
  readonly turn: number;
  readonly inputId: string;
  readonly content: readonly ContentBlock[];
  readonly agentMode: string | null;
  /** The agent has to be given the conversation so far with it. */
  readonly needsContext: boolean;
  /** Since it began. */
  readonly elapsedMs: number;
}

/** How a turn ended. */
export interface TurnEnd {
  readonly state: Exclude<TurnState, 'started'>;
  readonly stopReason?: string;
  readonly error?: string;
}
