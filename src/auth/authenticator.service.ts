import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { AdminKey } from './admin-key.js';
import { UnauthenticatedError } from './auth.errors.js';
import { hashOf, isKey, newKey } from './credentials.js';
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
  readonly until: number;
}

/** Finds out whose credential it is. What it has found it remembers for a moment, so that a stream of appends costs no look-ups. */
@Injectable()
export class Authenticator {
  /** Key ids with the time of their last use, for {@link KeyUses} to write down now and then. */
  readonly uses = new Map<string, string>();
  private readonly remembered = new Map<string, Remembered>();
  /** Whom the secrets that never leave this process stand for. */
  private readonly lent = new Map<string, Principal>();
  /** Counts what was forgotten, so that nothing that was read before is remembered behind it. */
  private generation = 0;
  /** The generation in which each principal was read. */
  private readonly readIn = new WeakMap<Principal, number>();

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
    this.generation += 1;
    this.remembered.clear();
  }

  /**
   * A secret that stands for a principal until this process ends, for requests that the configuration says are its own. It must be
   * shown to nobody.
   */
  lend(principalId: string): string {
    const secret = newKey('session');
    const kind: PrincipalKind = principalId.startsWith('service:') ? 'service' : 'user';
    this.lent.set(hashOf(secret), principalId === ADMIN.id ? ADMIN : { id: principalId, kind, name: principalId });
    return secret;
  }

  /** @throws UnauthenticatedError: missing and wrong are not told apart */
  async authenticate(credential: string | undefined): Promise<Principal> {
    if (this.config.auth === 'off') return ADMIN;
    if (credential === undefined || credential === '') throw new UnauthenticatedError();
    if (this.adminKey.matches(credential)) return ADMIN;
    const hash = hashOf(credential);
    const lent = this.lent.get(hash);
    if (lent) return this.lentHolder(lent);
    return this.recall(hash) ?? (isKey(credential) ? this.keyHolder(hash) : this.tokenHolder(hash, credential));
  }

  /** Whether a credential was found good a moment ago: it does not count as a guess. */
  isRemembered(credential: string): boolean {
    return this.remembered.has(hashOf(credential)) || this.adminKey.matches(credential);
  }

  /** The same principal as it is now; null where its key is gone. For connections that live longer than a request. */
  async refreshed(principal: Principal): Promise<Principal | null> {
    if (this.isOver(principal)) return null;
    const { generation } = this;
    if (principal.keyId === undefined) return this.noteRead(await this.withRoles(principal), generation);
    const key = await this.keys.find(principal.keyId);
    return key && this.isGood(key) ? this.noteRead(await this.principalOf(key), generation) : null;
  }

  /** Whether anything about keys or members has changed since a principal was read. */
  isOutdated(principal: Principal): boolean {
    return (this.readIn.get(principal) ?? this.generation) < this.generation;
  }

  private noteRead(principal: Principal, generation: number): Principal {
    // What never changes is never outdated.
    if (principal !== ADMIN) this.readIn.set(principal, generation);
    return principal;
  }

  private recall(hash: string): Principal | undefined {
    const known = this.remembered.get(hash);
    if (known && known.until > this.clock.nowMs() && !this.isOver(known.principal)) return known.principal;
    this.remembered.delete(hash);
    return undefined;
  }

  private remember(hash: string, principal: Principal): void {
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    this.remembered.set(hash, { principal, until: this.clock.nowMs() + REMEMBER_MS });
  }

  private async keyHolder(hash: string): Promise<Principal> {
    const { generation } = this;
    const key = await this.keys.findByHash(hash);
    if (!key || !this.isGood(key)) throw new UnauthenticatedError();
    const principal = this.noteRead(await this.principalOf(key), generation);
    if (generation === this.generation) this.remember(hash, principal);
    this.uses.set(key.id, this.clock.nowIso());
    return principal;
  }

  private async lentHolder(principal: Principal): Promise<Principal> {
    const { generation } = this;
    return this.noteRead(await this.withRoles(principal), generation);
  }

  private async tokenHolder(hash: string, token: string): Promise<Principal> {
    const { generation } = this;
    const principal = this.noteRead(await this.withRoles(await this.oidc.principalOf(token)), generation);
    if (generation === this.generation) this.remember(hash, principal);
    return principal;
  }

  private isOver({ validUntil }: Principal): boolean {
    return validUntil !== undefined && validUntil <= this.clock.nowIso();
  }

  private isGood({ revokedAt, expiresAt }: ApiKeyEntity): boolean {
    const now = this.clock.nowIso();
    return (revokedAt === null || revokedAt > now) && (expiresAt === null || expiresAt > now);
  }

  private async principalOf(key: ApiKeyEntity): Promise<Principal> {
    const { id: keyId, principalId, name } = key;
    const validUntil = [key.expiresAt, key.revokedAt].flatMap((each) => each ?? []).sort()[0];
    const permissions = key.scopes.length > 0 ? PERMISSIONS.filter((each) => key.scopes.includes(each)) : undefined;
    if (key.kind === 'session' && key.sessionId)
      return { id: principalId, kind: 'agent', name, keyId, validUntil, sessionId: key.sessionId };
    if (key.kind === 'admin' || key.kind === 'browser') return { ...ADMIN, id: principalId, name, keyId, validUntil, permissions };
    const kind: PrincipalKind = key.kind === 'service' ? 'service' : 'user';
    const roles = limited(await this.memberships.rolesOf(principalId), key.workspaceIds);
    return { id: principalId, kind, name, keyId, validUntil, permissions, roles, workspaceLimit: key.workspaceIds ?? undefined };
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
