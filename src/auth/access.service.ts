import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { newId, randomBase62 } from '../core/ids.js';
import { AdminKey } from './admin-key.js';
import { ForbiddenError, UnauthenticatedError } from './auth.errors.js';
import { hashOf, isKey, type KeyKind, newKey, prefixOf } from './credentials.js';
import { ApiKeysRepository } from './persistence/api-keys.repository.js';
import type { Permission, Principal, Visibility } from './principal.types.js';

const ADMIN: Principal = { id: 'admin', kind: 'admin', name: 'Administrator' };
const LOGIN_CODE_MS = 15 * 60_000;
const BROWSER_KEY_MS = 12 * 3_600_000;

/** What an agent may do, and within its own session only. */
const AGENT_PERMISSIONS: readonly Permission[] = ['public', 'self:read', 'sessions:read', 'events:append'];

/** Who somebody is, what they may do and see. */
@Injectable()
export class Access {
  private readonly loginCodes = new Map<string, number>();

  constructor(
    private readonly config: MusterConfig,
    private readonly adminKey: AdminKey,
    private readonly keys: ApiKeysRepository,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** Whose credential this is. @throws UnauthenticatedError */
  async authenticate(credential: string | undefined): Promise<Principal> {
    if (this.config.auth === 'off') return ADMIN;
    if (credential === undefined || credential === '') throw new UnauthenticatedError();
    if (this.adminKey.matches(credential)) return ADMIN;
    if (!isKey(credential)) throw new UnauthenticatedError();
    const key = await this.keys.findByHash(hashOf(credential));
    if (!key || (key.expiresAt !== null && key.expiresAt <= this.clock.nowIso())) throw new UnauthenticatedError();
    if (key.kind === 'session' && key.sessionId) return { id: key.principalId, kind: 'agent', name: key.name, sessionId: key.sessionId };
    return { ...ADMIN, name: key.name };
  }

  /** @throws ForbiddenError */
  assertMay(principal: Principal, permission: Permission): void {
    if (principal.kind === 'agent' && !AGENT_PERMISSIONS.includes(permission))
      throw new ForbiddenError(`An agent's own key does not reach so far: ${permission} is needed.`, { context: { permission } });
  }

  visibilityOf(principal: Principal): Visibility {
    if (principal.kind === 'admin' || principal.kind === 'system') return { all: true };
    return { all: false, ownerId: principal.id, workspaceIds: [], sessionId: principal.sessionId };
  }

  /** A code for one sign-in of a browser, valid for 15 minutes. */
  newLoginCode(): string {
    const code = randomBase62(32);
    this.loginCodes.set(hashOf(code), this.clock.nowMs() + LOGIN_CODE_MS);
    return code;
  }

  /** Turns a code into the value of a cookie. @throws UnauthenticatedError where it was used, is too old or was never given */
  async redeemLoginCode(code: string): Promise<{ secret: string; maxAgeMs: number }> {
    const hash = hashOf(code);
    const validUntil = this.loginCodes.get(hash);
    this.loginCodes.delete(hash);
    if (validUntil === undefined || validUntil < this.clock.nowMs()) throw new UnauthenticatedError();
    const secret = await this.giveKey('browser', { principalId: ADMIN.id, name: 'Browser', expiresInMs: BROWSER_KEY_MS });
    return { secret, maxAgeMs: BROWSER_KEY_MS };
  }

  /** A key for the agent of one session; it ends with {@link revokeSessionKeys}. */
  giveSessionKey(sessionId: string, agent: string): Promise<string> {
    return this.giveKey('session', { principalId: `agent:${sessionId}`, name: agent, sessionId });
  }

  async revokeSessionKeys(sessionId: string): Promise<void> {
    await this.unit.run(() => this.keys.revokeOfSession(sessionId, this.clock.nowIso()));
  }

  private async giveKey(
    kind: KeyKind,
    {
      principalId,
      name,
      sessionId = null,
      expiresInMs,
    }: { principalId: string; name: string; sessionId?: string | null; expiresInMs?: number },
  ): Promise<string> {
    const secret = newKey(kind);
    const now = this.clock.now();
    await this.unit.run(() =>
      this.keys.add({
        id: newId(),
        kind,
        name,
        prefix: prefixOf(secret),
        hash: hashOf(secret),
        principalId,
        sessionId,
        scopes: [],
        workspaceIds: null,
        expiresAt: expiresInMs === undefined ? null : new Date(now.getTime() + expiresInMs).toISOString(),
        lastUsedAt: null,
        revokedAt: null,
        createdAt: now.toISOString(),
      }),
    );
    return secret;
  }
}
