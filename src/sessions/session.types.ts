import type { RateUse } from '../auth/rate-limits.types.js';

export const SESSION_STATUSES = [
  'queued',
  'starting',
  'running',
  'idle',
  'awaiting_approval',
  'suspended',
  'lost',
  'completed',
  'failed',
  'stopped',
  'expired',
] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

export const RUNTIME_KINDS = ['acp', 'terminal', 'process', 'external'] as const;
export type RuntimeKind = (typeof RUNTIME_KINDS)[number];

export const SESSION_ORIGINS = ['launched', 'reported', 'discovered', 'imported'] as const;
export type SessionOrigin = (typeof SESSION_ORIGINS)[number];

/** Who answers what an agent asks: a person, a rule for reading, nobody, or everything is allowed. */
export const PERMISSION_POLICIES = ['ask', 'allow-reads', 'deny', 'allow-all'] as const;
export type PermissionPolicy = (typeof PERMISSION_POLICIES)[number];

export const SESSION_ISOLATIONS = ['none', 'worktree'] as const;
export type SessionIsolation = (typeof SESSION_ISOLATIONS)[number];

export const TURN_STATES = ['started', 'completed', 'failed', 'cancelled', 'lost'] as const;
export type TurnState = (typeof TURN_STATES)[number];

/** `unknown`: the server died between handing it over and hearing of it; never sent a second time. */
export const INPUT_STATES = ['accepted', 'delivered', 'unknown'] as const;
export type InputState = (typeof INPUT_STATES)[number];

export const RESUME_STRATEGIES = ['continue', 'new'] as const;
export type ResumeStrategy = (typeof RESUME_STRATEGIES)[number];

/** What an append needs to know of its session. */
export interface SessionBrief {
  readonly id: string;
  readonly ownerId: string;
  readonly workspaceId: string | null;
  readonly runtime: RuntimeKind;
  readonly status: SessionStatus;
}

/** A branch starts an agent only where it begins with a prompt. */
export const forkUse = (body: unknown): RateUse => ({
  class: typeof body === 'object' && body !== null && 'prompt' in body && body.prompt !== undefined ? 'launch' : 'write',
});

/** Only what starts an agent is counted as a launch: a session that somebody else runs, or that waits for its first input, is not. */
export function creationUse(body: unknown): RateUse {
  const isReported = typeof body === 'object' && body !== null && 'runtime' in body && body.runtime === 'external';
  const isWaiting = typeof body === 'object' && body !== null && 'launch' in body && body.launch === false;
  return { class: isReported || isWaiting ? 'write' : 'launch' };
}
