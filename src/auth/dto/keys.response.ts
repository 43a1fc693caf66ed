import type { GivenKey } from '../keys.service.js';
import type { ApiKeyEntity } from '../persistence/api-key.entity.js';

/** A key, without its secret. */
export class KeyResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string;
  /** `admin`, `personal` or `service`. @example 'personal' */
  kind: string;
  /** @example 'my laptop' */
  name: string;
  /** The first characters of the secret, to recognise it by. @example 'mst_pat_x4Kd' */
  prefix: string;
  /** @example 'user:ada' */
  principalId: string;
  /** Empty: all that its holder may do. */
  scopes: string[];
  /** Null: all workspaces its holder is a member of. */
  workspaceIds: string[] | null;
  /** Who gave it. @example 'admin' */
  createdBy: string | null;
  /** The key it replaced. */
  rotatedFromId: string | null;
  expiresAt: string | null;
  /** Written down once a minute. */
  lastUsedAt: string | null;
  revokedAt: string | null;
  /** @example '2026-11-20T14:00:00.000Z' */
  createdAt: string;

  static of(key: ApiKeyEntity): KeyResponse {
    const {
      id,
      kind,
      name,
      prefix,
      principalId,
      scopes,
      workspaceIds,
      createdBy,
      rotatedFromId,
      expiresAt,
      lastUsedAt,
      revokedAt,
      createdAt,
    } = key;
    return {
      id,
      kind,
      name,
      prefix,
      principalId,
      scopes,
      workspaceIds,
      createdBy,
      rotatedFromId,
      expiresAt,
      lastUsedAt,
      revokedAt,
      createdAt,
    };
  }
}

/** A key with its secret, which is shown this once. */
export class GivenKeyResponse extends KeyResponse {
  /** @example 'mst_pat_…' */
  secret: string;

  static ofGiven({ key, secret }: GivenKey): GivenKeyResponse {
    return { ...KeyResponse.of(key), secret };
  }
}

export class KeyPageResponse {
  items: KeyResponse[];
  nextCursor: string | null;
}

/** A pass for one WebSocket. */
export class TicketResponse {
  /** For `/api/ws?ticket=…`, once. @example 'q0Zr…' */
  ticket: string;
  /** 30 seconds from now. @example '2026-11-20T14:00:30.000Z' */
  expiresAt: string;
}
