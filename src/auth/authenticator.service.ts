import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { AdminKey } from './admin-key.js';
import { UnauthenticatedError } from './auth.errors.js';
import { hashOf, isKey } from './credentials.js';
import { Memberships } from './memberships.service.js';
import { OidcTokens } from './oidc-tokens.service.js';
import type { ApiKeyEntity } from './persistence/api-key.entity.js';
import { ApiKeysRepository } from './persistence/api-keys.repository.js';
import { PERMISSIONS, type Principal, type PrincipalKind, type WorkspaceRole } from './principal.types.js';

export const ADMIN: Principal = { id: 'admin', kind: 'admin', name: 'Administrator' };
/** How long what was read of a key is taken for true. Changes made in this process are known at once. */
const REMEMBER_MS = 2_000;
const MAX_REMEMBERED = 10_000;

interface Remembered {
  readonly principal: Principal;
  readonly expiresAt: string | null;
  readonly until: number;
}

/** Finds out whose credential it is. What it has found it remembers for a moment, so that a stream of appends costs no look-ups. */
@Injectable()
export class Authenticator {
  /** Key ids with the time of their last use, for {@link KeyUses} to write down now and then. */
  readonly uses = new Map<string, string>();
  private readonly remembered = new Map<string, Remembered>();

  constructor(
    private readonly config: MusterConfig,
    private readonly adminKey: AdminKey,
    private readonly keys: ApiKeysRepository,
    private readonly memberships: Memberships,
    private readonly oidc: OidcTokens,
    private readonly clock: Clock,
  ) {}

  /** To be called when anything changed about keys or members. */
  forget(): void {
    this.remembered.clear();
  }

  /** @throws UnauthenticatedError: missing and wrong are not told apart */
  async authenticate(credential: string | undefined): Promise<Principal> {
    if (this.config.auth === 'off') return ADMIN;
    if (credential === undefined || credential === '') throw new UnauthenticatedError();
    if (this.adminKey.matches(credential)) return ADMIN;
    if (isKey(credential)) return this.keyHolder(hashOf(credential));
    return this.withRoles(await this.oidc.principalOf(credential));
  }

  /** Whether a credential was found good a moment ago: it does not count as a guess. */
  isRemembered(credential: string): boolean {
    return this.remembered.has(hashOf(credential)) || this.adminKey.matches(credential);
  }

  /** The same principal as it is now; null where its key is gone. For connections that live longer than a request. */
  async refreshed(principal: Principal): Promise<Principal | null> {
    if (principal.keyId === undefined) return this.withRoles(principal);
    const key = await this.keys.find(principal.keyId);
    return key && this.isGood(key) ? this.principalOf(key) : null;
  }

  private async keyHolder(hash: string): Promise<Principal> {
    const now = this.clock.nowMs();
    const known = this.remembered.get(hash);
    if (known && known.until > now && (known.expiresAt === null || known.expiresAt > this.clock.nowIso())) return known.principal;
    const key = await this.keys.findByHash(hash);
    if (!key || !this.isGood(key)) {
      this.remembered.delete(hash);
      throw new UnauthenticatedError();
    }
    const principal = await this.principalOf(key);
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    this.remembered.set(hash, { principal, expiresAt: key.expiresAt, until: now + REMEMBER_MS });
    this.uses.set(key.id, this.clock.nowIso());
    return principal;
  }

  private isGood({ revokedAt, expiresAt }: ApiKeyEntity): boolean {
    const now = this.clock.nowIso();
    return (revokedAt === null || revokedAt > now) && (expiresAt === null || expiresAt > now);
  }

  private async principalOf(key: ApiKeyEntity): Promise<Principal> {
    const { id: keyId, principalId, name } = key;
    const permissions = key.scopes.length > 0 ? PERMISSIONS.filter((each) => key.scopes.includes(each)) : undefined;
    if (key.kind === 'session' && key.sessionId) return { id: principalId, kind: 'agent', name, keyId, sessionId: key.sessionId };
    if (key.kind === 'admin' || key.kind === 'browser') return { ...ADMIN, id: principalId, name, keyId, permissions };
    const kind: PrincipalKind = key.kind === 'service' ? 'service' : 'user';
    const roles = limited(await this.memberships.rolesOf(principalId), key.workspaceIds);
    return { id: principalId, kind, name, keyId, permissions, roles, workspaceLimit: key.workspaceIds ?? undefined };
  }

  private async withRoles(principal: Principal): Promise<Principal> {
    if (principal.kind === 'admin' || principal.kind === 'agent') return principal;
    return { ...principal, roles: await this.memberships.rolesOf(principal.id) };
  }
}

/** Only the roles in the workspaces a key is limited to. */
function limited(roles: Map<string, WorkspaceRole>, workspaceIds: readonly string[] | null): Map<string, WorkspaceRole> {
  if (workspaceIds === null) return roles;
  return new Map([...roles].filter(([workspaceId]) => workspaceIds.includes(workspaceId)));
}
