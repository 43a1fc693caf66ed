import type { ContentBlock } from '../events/event-payloads.types.js';
import type { TurnState } from './session.types.js';

/** An input that a turn has taken. */
export interface BegunTurn {
  readonly turn: number;
  readonly inputId: string;
  readonly content: readonly ContentBlock[];
  readonly agentMode: string | null;
  /** Since it began. */
  readonly elapsedMs: number;
  /** The agent has to be told of the conversation so far. */
  readonly needsContext: boolean;
}

/** How a turn ended. */
export interface TurnEnd {
  readonly state: Exclude<TurnState, 'started'>;
  readonly stopReason?: string;
  readonly error?: string;
}
