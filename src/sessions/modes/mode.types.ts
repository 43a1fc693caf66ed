import { z } from 'zod';
import { parseObject } from '../../core/json.js';
import { PERMISSION_POLICIES } from '../session.types.js';

/** A way of working that a session can be started in: what it may do, and what its agent is told. */
export const modeSchema = z
  .strictObject({
    /** The name sessions use. */
    id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be lower-case letters, digits and . _ -, at most 64'),
    /** Shown to people. */
    label: z.string().min(1).max(128),
    description: z.string().max(500).default(''),
    /** Whether a session of it can be suspended and resumed. Without it a success completes the session. */
    supportsResume: z.boolean(),
    /** Whether people can be asked. Without it the policy decides at once. */
    supportsHitl: z.boolean(),
    /** The agent profile of its sessions where none is asked for. */
    agent: z.string().min(1).max(128).optional(),
    /** What the agent is told before the first prompt. */
    preamble: z.string().min(1).max(16_000).optional(),
    /** The policy of its sessions where none is asked for. */
    policy: z.enum(PERMISSION_POLICIES).optional(),
  })
  .refine(({ supportsHitl, policy }) => supportsHitl || policy !== 'ask', {
    error: '"ask" needs supportsHitl: nobody is asked in this mode',
    path: ['policy'],
  });
export type Mode = z.infer<typeof modeSchema>;

/** What of its mode a session goes by, as it was when it began. */
export interface ModeRules {
  readonly supportsResume: boolean;
  readonly supportsHitl: boolean;
  readonly preamble: string | null;
}

export const rulesOf = ({ supportsResume, supportsHitl, preamble }: Mode): ModeRules => ({
  supportsResume,
  supportsHitl,
  preamble: preamble ?? null,
});

/** The rules of a session's mode; null where it has none. */
export function modeRulesOf({ modeRules }: { readonly modeRules: string | null }): ModeRules | null {
  if (modeRules === null) return null;
  const { supportsResume, supportsHitl, preamble } = parseObject(modeRules);
  return {
    supportsResume: supportsResume === true,
    supportsHitl: supportsHitl === true,
    preamble: typeof preamble === 'string' ? preamble : null,
  };
}
