import type { PermissionOption } from '@agentclientprotocol/sdk';
import type { PermissionPolicy } from '../../../sessions/session.types.js';

/** Kinds of tool calls (ACP) that only look. */
const READING: readonly string[] = ['read', 'search'];

export interface Decision {
  readonly isAllowed: boolean;
  /** The option to choose; null where the agent offers none of that kind, so that its request is cancelled. */
  readonly optionId: string | null;
  /** For people: why. */
  readonly reason: string;
}

/**
 * Decides a permission request by the session's policy; null where people are to be asked. `kinds`: what the agent has said of the tool
 * call, when it announced it and when it asked; each of them must be harmless. Options are chosen by their kind (their ids differ between
 * agents), and for once rather than for always.
 */
export function decide(
  policy: PermissionPolicy,
  kinds: readonly string[],
  options: readonly PermissionOption[],
  canAsk: boolean,
): Decision | null {
  const { verdict, reason } = judge(policy, kinds);
  if (verdict === 'ask' && canAsk && options.length > 0) return null;
  const isAllowed = verdict === 'allow';
  const why = verdict === 'ask' && !canAsk ? `${reason}; there is nobody to ask` : reason;
  const wanted = isAllowed ? (['allow_once', 'allow_always'] as const) : (['reject_once', 'reject_always'] as const);
  const option = wanted.flatMap((kind) => options.find((each) => each.kind === kind) ?? [])[0];
  return option
    ? { isAllowed, optionId: option.optionId, reason: why }
    : { isAllowed: false, optionId: null, reason: `${why}; the agent offers no option for that` };
}

function judge(policy: PermissionPolicy, kinds: readonly string[]): { verdict: 'allow' | 'deny' | 'ask'; reason: string } {
  switch (policy) {
    case 'allow-all':
      return { verdict: 'allow', reason: 'the policy allows everything' };
    case 'deny':
      return { verdict: 'deny', reason: 'the policy denies what the agent asks for' };
    case 'ask':
      return { verdict: 'ask', reason: 'the policy asks people' };
    case 'allow-reads': {
      const isReading = kinds.length > 0 && kinds.every((kind) => READING.includes(kind));
      const what = kinds.length > 0 ? [...new Set(kinds)].join(' and ') : 'of no kind';
      return isReading
        ? { verdict: 'allow', reason: `the policy allows reading (${what})` }
        : { verdict: 'ask', reason: `the policy allows reading by itself, and this is ${what}` };
    }
  }
}
