import { IsArray, IsIn, IsInt, IsISO8601, Matches, Max, Min } from 'class-validator';
import { IsText, Optional, QueryInt } from '../../core/http/validators.js';
import { PERMISSIONS, PRINCIPAL_ID } from '../principal.types.js';

/** A key to give out. */
export class CreateKeyRequest {
  /** What it is for. @example 'my laptop' */
  @IsText({ min: 1, max: 256 })
  name: string;

  /** `personal` (of a person), `service` (of a program) or `admin`. @example 'personal' */
  @Optional()
  @IsIn(['personal', 'service', 'admin'])
  kind?: 'personal' | 'service' | 'admin';

  /** Whom it is for; admins only. Absent: oneself. @example 'user:ada' */
  @Optional()
  @Matches(PRINCIPAL_ID, { message: 'principalId must be letters, digits and . _ : @ | / -, at most 128' })
  principalId?: string;

  /** What it may do; absent or empty: all that its holder may. @example ['sessions:read'] */
  @Optional()
  @IsArray()
  @IsIn(PERMISSIONS, { each: true })
  scopes?: string[];

  /** The only workspaces it reaches; absent: all its holder is a member of. */
  @Optional()
  @IsArray()
  @IsText({ min: 1, max: 64 }, { each: true })
  workspaceIds?: string[];

  /** When it ends, ISO 8601; absent: when it is revoked. @example '2027-01-01T00:00:00.000Z' */
  @Optional()
  @IsISO8601({ strict: true, strictSeparator: true })
  expiresAt?: string;
}

export class ListKeysQuery {
  /** Admins only: the keys of this principal. */
  @Optional()
  @IsText({ min: 1, max: 128 })
  principalId?: string;

  /** `nextCursor` of the page before. */
  @Optional()
  @IsText({ min: 1, max: 1024 })
  cursor?: string;

  @QueryInt(1, 200)
  limit: number = 50;
}

/** How to replace a secret. */
export class RotateKeyRequest {
  /** How many seconds the old secret goes on; absent: it ends at once. */
  @Optional()
  @IsInt()
  @Min(0)
  @Max(604_800)
  overlapS?: number;
}
