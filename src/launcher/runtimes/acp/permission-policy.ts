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
 * Decides a permission request by the session's policy. `kinds`: what the agent has said of the tool call, when it announced it and
 * when it asked; each of them must be harmless. Options are chosen by their kind (their ids differ between agents), and for once rather
 * than for always.
 */
export function decide(policy: PermissionPolicy, kinds: readonly string[], options: readonly PermissionOption[]): Decision {
  const { isAllowed, reason } = judge(policy, kinds);
  const wanted = isAllowed ? (['allow_once', 'allow_always'] as const) : (['reject_once', 'reject_always'] as const);
  const option = wanted.flatMap((kind) => options.find((each) => each.kind === kind) ?? [])[0];
  return option
    ? { isAllowed, optionId: option.optionId, reason }
    : { isAllowed: false, optionId: null, reason: `${reason}; the agent offers no option for that` };
}

function judge(policy: PermissionPolicy, kinds: readonly string[]): { isAllowed: boolean; reason: string } {
  switch (policy) {
    case 'allow-all':
      return { isAllowed: true, reason: 'the policy allows everything' };
    case 'deny':
      return { isAllowed: false, reason: 'the policy denies what the agent asks for' };
    case 'ask':
      return { isAllowed: false, reason: 'denied: nobody can be asked yet' };
    case 'allow-reads': {
      const isAllowed = kinds.length > 0 && kinds.every((kind) => READING.includes(kind));
      const what = kinds.length > 0 ? [...new Set(kinds)].join(' and ') : 'of no kind';
      return {
        isAllowed,
        reason: isAllowed ? `the policy allows reading (${what})` : `the policy allows reading only, and this is ${what}`,
      };
    }
  }
}
