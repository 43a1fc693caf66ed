import type { Principal } from '../auth/principal.types.js';
import type { SessionEntity } from './persistence/session.entity.js';

export interface MoveOptions {
  /** Who caused it; the server itself where absent. */
  readonly by?: Principal;
  readonly reason?: string;
  readonly exitCode?: number;
  readonly exitSignal?: string;
  /** Further columns to write with the move. */
  readonly changes?: Partial<SessionEntity>;
}
