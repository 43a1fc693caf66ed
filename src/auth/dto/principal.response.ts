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

  /** What its key is limited to; absent: everything its kind may do. */
  permissions?: string[];
  /** Its role in each workspace it may enter. @example { "01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c": "editor" } */
  roles?: Record<string, string>;
  /** For pages that came with a cookie: to be sent as X-CSRF-Token. */
  csrfToken?: string;

  static of({ id, kind, name, sessionId, permissions, roles }: Principal, csrfToken?: string): PrincipalResponse {
    return {
      id,
      kind,
      name,
      ...(sessionId ? { sessionId } : {}),
      ...(permissions ? { permissions: [...permissions] } : {}),
      ...(roles ? { roles: Object.fromEntries(roles) } : {}),
      ...(csrfToken ? { csrfToken } : {}),
    };
  }
}
