import { newKey } from '../../src/auth/credentials.js';
import { Keys } from '../../src/auth/keys.service.js';
import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { ApiKeyEntity } from '../../src/auth/persistence/api-key.entity.js';
import type { TestApp } from './app.js';

export interface KeyWish {
  readonly name?: string;
  readonly kind?: 'personal' | 'service' | 'admin';
  readonly principalId?: string;
  readonly scopes?: readonly string[];
  readonly workspaceIds?: readonly string[];
  readonly expiresAt?: string;
}

export interface GivenKey {
  readonly id: string;
  readonly secret: string;
}

/** A key as the admin gives it. */
export async function giveKey(app: TestApp, { name = 'a key', ...wish }: KeyWish): Promise<GivenKey> {
  const { status, body } = await app.call('POST', '/api/keys', { body: { name, ...wish } });
  if (status !== 201) throw new Error(`POST /api/keys answered ${status}: ${JSON.stringify(body)}`);
  return { id: body.id, secret: body.secret };
}

/** A key that was revoked before it was ever used. */
export async function revokedKey(app: TestApp, wish: KeyWish): Promise<GivenKey> {
  const key = await giveKey(app, wish);
  await revokeKey(app, key.id);
  return key;
}

export async function revokeKey(app: TestApp, id: string): Promise<void> {
  const { status, body } = await app.call('DELETE', `/api/keys/${id}`);
  if (status !== 200) throw new Error(`DELETE /api/keys/${id} answered ${status}: ${JSON.stringify(body)}`);
}

/** A key whose time was over a minute ago. */
export async function expiredKey(app: TestApp, wish: KeyWish): Promise<GivenKey> {
  const key = await giveKey(app, { ...wish, expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
  const expiresAt = new Date(Date.now() - 60_000).toISOString();
  await app.get(UnitOfWork).run(() => app.get(Database).writing(ApiKeyEntity).update({ id: key.id }, { expiresAt }));
  return key;
}

/** The token that the agent of a session is given. */
export const agentToken = (app: TestApp, sessionId: string): Promise<string> => app.get(Keys).giveSessionKey(sessionId, 'test');

/** Has the form and the checksum of a key, and was never given out. */
export const unknownKey = (): string => newKey('personal');

/** The same key with another checksum. */
export const withWrongChecksum = (secret: string): string => secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0');

/** Makes somebody a member, as the admin does. */
export async function setMember(app: TestApp, workspaceId: string, principalId: string, role: string): Promise<void> {
  const path = `/api/workspaces/${workspaceId}/members/${encodeURIComponent(principalId)}`;
  const { status, body } = await app.call('PUT', path, { body: { role } });
  if (status !== 200) throw new Error(`PUT ${path} answered ${status}: ${JSON.stringify(body)}`);
}
