import type { Principal } from '../principal.types.js';

export class PrincipalResponse {
  /** @example 'admin' */
  id: string;
  /** `admin`, `user`, `service` or `agent`. @example 'admin' */
  kind: string;
  /** @example 'Administrator' */
  name: string;
  /** The one session an agent's key is for. */
  sessionId?: string;

  static of({ id, kind, name, sessionId }: Principal): PrincipalResponse {
    return { id, kind, name, ...(sessionId ? { sessionId } : {}) };
  }
}
