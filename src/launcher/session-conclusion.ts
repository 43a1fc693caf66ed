import { LogNotFoundError } from '../events/events.errors.js';
import type { MoveOptions } from '../sessions/session-lifecycle.types.js';
import { SessionNotFoundError } from '../sessions/sessions.errors.js';
import { lastLines } from './launcher.errors.js';
import type { ProcessExit } from './runtime.types.js';

/** How the work for a session came to its end; null: its status stays as it is. */
export type Conclusion = { readonly to: 'completed' | 'failed' | 'stopped' | 'suspended' | 'lost'; readonly options: MoveOptions } | null;

/** What was under way when an agent ended of its own accord. */
export interface ExitCircumstances {
  readonly isStarting: boolean;
  readonly isInTurn: boolean;
  /** It ended while no server was there. */
  readonly wasAway: boolean;
  /** A turn that took too long could not be ended otherwise. */
  readonly timedOutAfterMs: number | null;
}

/** What the end of an agent that nobody asked to end makes of its session. */
export function conclusionOf(exit: ProcessExit | null, circumstances: ExitCircumstances): Conclusion {
  const { isStarting, isInTurn, wasAway, timedOutAfterMs } = circumstances;
  if (!exit) return { to: 'failed', options: { reason: 'the agent is gone' } };
  const end = (to: 'completed' | 'failed' | 'lost', reason: string): Conclusion => ({ to, options: { reason, ...exitColumns(exit) } });
  const how = exit.signal ?? `code ${exit.code}`;
  if (timedOutAfterMs !== null) return end('failed', `a turn took longer than ${timedOutAfterMs} ms, and the agent did not end it`);
  if (exit.isUnseen)
    return end('lost', `the process that kept the agent was gone, how the agent ended is not known${lastLines(exit.stderr)}`);
  if (wasAway) return end('lost', `the agent ended while the server was away, with ${how}${lastLines(exit.stderr)}`);
  // An agent that leaves of its own accord between turns has done what it wanted to do.
  if (exit.code === 0 && !isInTurn && !isStarting) return end('completed', 'the agent ended by itself');
  const when = isStarting ? 'before it took any input' : isInTurn ? 'in the middle of a turn' : 'while it waited for input';
  return end(
    'failed',
    exit.hasHungUp
      ? `the agent closed its output ${when} without ending, and was ended${lastLines(exit.stderr)}`
      : `the agent ended ${when}, with ${how}${lastLines(exit.stderr)}`,
  );
}

export const exitColumns = (exit: ProcessExit | null | undefined): Pick<MoveOptions, 'exitCode' | 'exitSignal'> => ({
  ...(exit?.code === null || exit?.code === undefined ? {} : { exitCode: exit.code }),
  ...(exit?.signal === null || exit?.signal === undefined ? {} : { exitSignal: exit.signal }),
});

/** Its session was deleted meanwhile. */
export const isDeleted = (error: unknown): boolean => error instanceof SessionNotFoundError || error instanceof LogNotFoundError;
