import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { newId } from '../core/ids.js';
import type { Page } from '../core/paging/page.js';
import { Access, isAdmin } from './access.service.js';
import { AccessWatch } from './access-watch.service.js';
import { ForbiddenError, KeyNotFoundError } from './auth.errors.js';
import { ADMIN, Authenticator } from './authenticator.service.js';
import { hashOf, type KeyKind, newKey, prefixOf } from './credentials.js';
import type { CreateKeyRequest, ListKeysQuery } from './dto/keys.dto.js';
import type { ApiKeyEntity } from './persistence/api-key.entity.js';
import { ApiKeysRepository } from './persistence/api-keys.repository.js';
import type { Principal } from './principal.types.js';

/** How often the times of last use are written down. */
const NOTE_USES_EVERY_MS = 60_000;

/** A key with its secret, which is never to be had again. */
export interface GivenKey {
  readonly key: ApiKeyEntity;
  readonly secret: string;
}

interface NewKey {
  readonly principalId: string;
  readonly name: string;
  readonly sessionId?: string;
  readonly scopes?: readonly string[];
  readonly workspaceIds?: readonly string[] | null;
  readonly expiresAt?: string | null;
  readonly createdBy?: string;
  readonly rotatedFromId?: string;
}

/** Credentials that this server gives out. */
@Injectable()
export class Keys implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Keys.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly authenticator: Authenticator,
    private readonly access: Access,
    private readonly watch: AccessWatch,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.noteUses(), NOTE_USES_EVERY_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.noteUses();
  }

  /** One's own keys; an admin's list has everybody's, or those of one principal. */
  list(principal: Principal, { principalId, cursor, limit }: ListKeysQuery): Promise<Page<ApiKeyEntity>> {
    return this.keys.list(isAdmin(principal) ? principalId : principal.id, { cursor, limit });
  }

  /**
   * Gives a key: to oneself, or (admins) to anybody. A key reaches no further than the one it was made with.
   * @throws ForbiddenError, InvalidInputError
   */
  async create(by: Principal, request: CreateKeyRequest): Promise<GivenKey> {
    const { kind = 'personal', name, principalId: holder = by.id, scopes = [], workspaceIds = null } = request;
    const expiresAt = request.expiresAt === undefined ? null : timeOf(request.expiresAt);
    if (!isAdmin(by) && (holder !== by.id || kind !== 'personal'))
      throw new ForbiddenError('Only an admin gives keys to others, service keys and admin keys.');
    if (expiresAt !== null && expiresAt <= this.clock.nowIso())
      throw new InvalidInputError('expiresAt: lies in the past.', { issues: [{ path: 'expiresAt', message: 'must lie in the future' }] });
    const own = this.access.permissionsOf(by);
    const tooFar = scopes.filter((scope) => !own.some((each) => each === scope));
    if (tooFar.length > 0) throw new ForbiddenError(`You can't give what you do not have: ${tooFar.join(', ')}.`);
    // Without scopes of its own the new key would reach further than the one it is made with.
    const reach = scopes.length === 0 && by.permissions ? by.permissions : scopes;
    // What the operator makes for itself is another admin key: the name `admin` is nobody's membership.
    if (kind !== 'admin' && holder === ADMIN.id)
      throw new InvalidInputError('principalId: whom is the key for?', {
        remedy: 'Name a principal, as in "user:ada" or "service:ci"; or ask for kind "admin".',
        issues: [{ path: 'principalId', message: 'needed' }],
      });
    if (kind === 'admin' && workspaceIds !== null)
      throw new InvalidInputError('workspaceIds: an admin key reaches every workspace.', {
        remedy: 'Leave them out, or give a personal or service key.',
        issues: [{ path: 'workspaceIds', message: 'not for admin keys' }],
      });
    const workspaceLimit = limitOf(by, workspaceIds);
    return this.unit.run(async (work) => {
      const given = await this.give(kind, {
        principalId: holder,
        name,
        scopes: reach,
        workspaceIds: workspaceLimit,
        expiresAt,
        createdBy: by.id,
      });
      const facts = { kind, name, principalId: holder, scopes: reach, workspaceIds: workspaceLimit, expiresAt };
      work.emit('key.created', { actor: by.id, ownerId: holder }, { keyId: given.key.id, ...facts });
      return given;
    });
  }

  /** @throws KeyNotFoundError where there is none, or it is somebody else's */
  async revoke(by: Principal, id: string): Promise<ApiKeyEntity> {
    const key = await this.own(by, id);
    const revokedAt = this.clock.nowIso();
    await this.unit.run(async (work) => {
      await this.keys.revoke(id, revokedAt);
      const { kind, name, principalId } = key;
      work.emit('key.revoked', { actor: by.id, ownerId: principalId }, { keyId: id, kind, name, principalId, revokedAt });
    });
    return { ...key, revokedAt };
  }

  /**
   * A new secret with the same reach; the old one goes on for `overlapS` seconds.
   * @throws KeyNotFoundError, ForbiddenError where the old key reaches further than the one that asks: the answer is a key like it
   */
  async rotate(by: Principal, id: string, overlapS: number): Promise<GivenKey> {
    const old = await this.own(by, id);
    assertNoWider(by, old);
    const endsAt = new Date(this.clock.nowMs() + overlapS * 1_000).toISOString();
    return this.unit.run(async (work) => {
      const { kind, principalId, name, scopes, workspaceIds, expiresAt } = old;
      const given = await this.give(managedKind(kind), {
        principalId,
        name,
        scopes,
        workspaceIds,
        expiresAt,
        createdBy: by.id,
        rotatedFromId: id,
      });
      await this.keys.revoke(id, endsAt);
      work.emit('key.rotated', { actor: by.id, ownerId: principalId }, { keyId: id, replacedBy: given.key.id, principalId, endsAt });
      return given;
    });
  }

  /** A key for the agent of one session; it ends with {@link revokeSessionKeys}. */
  async giveSessionKey(sessionId: string, agent: string): Promise<string> {
    const { secret } = await this.unit.run(() => this.give('session', { principalId: `agent:${sessionId}`, name: agent, sessionId }));
    return secret;
  }

  /** Ends the keys of a session, and what is connected with them. */
  async revokeSessionKeys(sessionId: string): Promise<void> {
    await this.unit.run(async (work) => {
      await this.keys.revokeOfSession(sessionId, this.clock.nowIso());
      // Not told as domain events: these keys come and go with every session.
      work.afterCommit(() => {
        this.authenticator.forget();
        this.watch.lookAgain({ concerns: (principal) => principal.sessionId === sessionId });
      });
    });
  }

  /** A key for a browser's cookie. */
  async giveBrowserKey(principalId: string, maxAgeMs: number): Promise<string> {
    const expiresAt = new Date(this.clock.nowMs() + maxAgeMs).toISOString();
    return this.unit.run(async (work) => {
      const { key, secret } = await this.give('browser', { principalId, name: 'Browser', expiresAt });
      work.emit('browser.signed-in', { actor: principalId, ownerId: principalId }, { keyId: key.id, principalId, expiresAt });
      return secret;
    });
  }

  private async own(by: Principal, id: string): Promise<ApiKeyEntity> {
    const key = await this.keys.findManaged(id);
    if (!key || !(isAdmin(by) || key.principalId === by.id) || (key.revokedAt !== null && key.revokedAt <= this.clock.nowIso()))
      throw new KeyNotFoundError(id);
    return key;
  }

  private async give(kind: KeyKind, fields: NewKey): Promise<GivenKey> {
    const secret = newKey(kind);
    const key: ApiKeyEntity = {
      id: newId(),
      kind,
      name: fields.name,
      prefix: prefixOf(secret),
      hash: hashOf(secret),
      principalId: fields.principalId,
      sessionId: fields.sessionId ?? null,
      scopes: [...(fields.scopes ?? [])],
      workspaceIds: fields.workspaceIds ? [...fields.workspaceIds] : null,
      createdBy: fields.createdBy ?? null,
      rotatedFromId: fields.rotatedFromId ?? null,
      expiresAt: fields.expiresAt ?? null,
      lastUsedAt: null,
      revokedAt: null,
      createdAt: this.clock.nowIso(),
    };
    await this.keys.add(key);
    return { key, secret };
  }

  private async noteUses(): Promise<void> {
    const uses = [...this.authenticator.uses];
    this.authenticator.uses.clear();
    if (uses.length === 0) return;
    try {
      await this.unit.run(async () => {
        for (const [id, at] of uses) await this.keys.noteUse(id, at);
      });
    } catch (error) {
      this.logger.warn({ msg: 'the last uses of keys could not be written down yet', err: error });
      for (const [id, at] of uses) if (!this.authenticator.uses.has(id)) this.authenticator.uses.set(id, at);
    }
  }
}

/** In the form in which times are compared. @throws InvalidInputError where it is none (`2027-W01` is ISO 8601 too) */
function timeOf(text: string): string {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new InvalidInputError('expiresAt: is not a date with a time.', { issues: [{ path: 'expiresAt', message: 'a date with a time' }] });
}

const managedKind = (kind: string): KeyKind => (kind === 'admin' || kind === 'service' ? kind : 'personal');

/** @throws ForbiddenError where `key` reaches further than what `by` came with */
function assertNoWider({ permissions, workspaceLimit }: Principal, { scopes, workspaceIds }: ApiKeyEntity): void {
  const isWiderIn = (own: readonly string[] | undefined, other: readonly string[] | null): boolean =>
    own !== undefined && (other === null || other.some((each) => !own.includes(each)));
  if (!isWiderIn(permissions, scopes.length > 0 ? scopes : null) && !isWiderIn(workspaceLimit, workspaceIds)) return;
  throw new ForbiddenError('That key reaches further than yours.', { remedy: 'Rotate it with itself, or with a key that reaches as far.' });
}

/** A key that is limited to workspaces makes keys for none but these. @throws ForbiddenError */
function limitOf({ workspaceLimit }: Principal, wanted: readonly string[] | null): readonly string[] | null {
  if (!workspaceLimit) return wanted;
  const tooFar = wanted?.filter((each) => !workspaceLimit.includes(each)) ?? [];
  if (tooFar.length > 0) throw new ForbiddenError(`This key does not reach the workspaces ${tooFar.join(', ')}.`);
  return wanted ?? workspaceLimit;
}
