import { AgentRequestError, type PromptAnswer } from '../../host/agent-host.types.js';
import type { TurnOutcome } from '../../runtime.types.js';

interface Circumstances {
  /** It was asked to end the turn. */
  readonly isCancelling: boolean;
  /** A permission was denied in this turn. */
  readonly hasRejected: boolean;
  /** What the agent told beside the protocol of a failure. */
  readonly trouble: string | null;
}

/** What an agent's answer to a prompt comes to. */
export function outcomeOf(answer: PromptAnswer, { isCancelling, hasRejected, trouble }: Circumstances): TurnOutcome {
  if ('stopReason' in answer) {
    const { stopReason } = answer;
    if (trouble !== null && stopReason === 'end_turn' && !isCancelling) return { state: 'failed', error: trouble };
    // Some agents take a rejected permission for the end of the turn.
    if (stopReason === 'cancelled' && !isCancelling && hasRejected) return { state: 'cancelled', stopReason: 'permission_rejected' };
    return { state: stopReason === 'cancelled' ? 'cancelled' : 'completed', stopReason: stopReason.slice(0, 128) };
  }
  // Some agents answer a cancelled prompt with an error of theirs.
  if (isCancelling) return { state: 'cancelled', stopReason: 'cancelled' };
  return { state: 'failed', error: errorText(answer.error) };
}

/** An error of JSON-RPC for people: agents put what matters into the message, into `data`, or into `data.details`. */
function errorText({ message, code, data }: { message: string; code: number; data?: unknown }): string {
  const details = typeof data === 'object' && data !== null && 'details' in data ? data.details : data;
  const more = typeof details === 'string' && !message.includes(details) ? `: ${details}` : '';
  return `${message}${more} (${code})`.slice(0, 4_000);
}

export const textOfFailure = (error: unknown): string =>
  error instanceof AgentRequestError ? errorText(error) : error instanceof Error ? error.message : String(error);
