import type { ProcessIdentity } from '../core/process/proc-stat.js';

/**
 * Why a process is an orphan: it carries this server's mark and its session is not known, or has no agent now; or it carries a session's mark,
 * and not this server's.
 */
export const ORPHAN_REASONS = ['session_unknown', 'session_without_agent', 'not_ours'] as const;
export type OrphanReason = (typeof ORPHAN_REASONS)[number];

/** A process that carries marks of ours, and that no session of this server accounts for. */
export interface Orphan extends ProcessIdentity {
  readonly reason: OrphanReason;
  readonly sessionId: string | null;
  readonly nodeId: string | null;
  /** As `ps` shows it, cut. */
  readonly command: string;
}
