import type { ContentBlock } from '../../events/event-payloads.types.js';
import type { SessionStatus, TurnState } from '../session.types.js';
import { ModeNotResumableError } from '../sessions.errors.js';
import { modeRulesOf } from './mode.types.js';

interface Moded {
  readonly mode: string | null;
  readonly modeRules: string | null;
}

/** What a failed run makes of its session: one that has a mode can be looked at and gone on with. */
export const failureOf = (session: Moded): SessionStatus => (modeRulesOf(session) ? 'suspended' : 'failed');

/** Where a session stands when a turn of it is over. A mode that can't be resumed is done with its work, unless more is waiting. */
export function statusAfterTurn(session: Moded, state: Exclude<TurnState, 'started'>, isInputWaiting: boolean): SessionStatus {
  if (state === 'failed') return failureOf(session);
  const isDone = state === 'completed' && modeRulesOf(session)?.supportsResume === false && !isInputWaiting;
  return isDone ? 'completed' : 'idle';
}

/** What the agent gets: before its first prompt it is told of the mode. */
export function withPreamble(session: Moded, turn: number, content: readonly ContentBlock[]): readonly ContentBlock[] {
  const preamble = turn === 1 ? (modeRulesOf(session)?.preamble ?? null) : null;
  return preamble === null ? content : [{ type: 'text', text: preamble }, ...content];
}

/** Without a mode it depends on the agent only. */
export const isResumable = (session: Moded): boolean => modeRulesOf(session)?.supportsResume !== false;

/** For whoever suspends or resumes a session on request. @throws ModeNotResumableError */
export function assertResumable(session: Moded, act: 'suspended' | 'resumed'): void {
  if (!isResumable(session)) throw new ModeNotResumableError(act, session.mode ?? '');
}
