import type { TestApp } from '../support/app.js';
import { agentToken, expiredKey, giveKey, revokedKey, setMember, unknownKey, withWrongChecksum } from '../support/principals.js';
import { PERMISSIONS } from '../../src/auth/principal.types.js';
import type { Target } from './documented-api.js';

/** Credentials that are none: 401 everywhere, and nothing runs. */
export interface BadCredential {
  readonly name: string;
  /** Several ways of being so. */
  readonly headers: readonly Record<string, string>[];
  /** The bare text, for the `auth` frame; absent: nothing is sent. */
  readonly token?: string;
}

/** Good credentials of somebody who may not: told apart by what is asked. */
export interface WeakCredential {
  readonly name: 'wrong scope' | 'not a member' | 'viewer' | 'agent of another session';
  /** The key for a route with this permission. */
  readonly keyFor: (permission: string) => string;
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const everywhere = (token: string): Record<string, string>[] => [
  bearer(token),
  { 'x-api-key': token },
  { cookie: `muster_session=${token}` },
];

export async function badCredentials(app: TestApp, target: Target): Promise<BadCredential[]> {
  const owner = { principalId: 'user:bad-owner' };
  await setMember(app, target.workspaceId, owner.principalId, 'owner');
  const good = await giveKey(app, owner);
  const revoked = await revokedKey(app, owner);
  const expired = await expiredKey(app, owner);
  const admin = await expiredKey(app, { kind: 'admin' });
  const tooShort = good.secret.slice(0, -1);
  return [
    { name: 'no credentials', headers: [{}] },
    {
      name: 'malformed',
      headers: [
        { authorization: '' },
        { authorization: 'Bearer' },
        { authorization: `Basic ${Buffer.from(`admin:${app.key}`).toString('base64')}` },
        { authorization: app.key },
        { authorization: `Bearer ${app.key} x` },
        bearer('undefined'),
        bearer('a.b.c'),
        bearer(
          `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"admin","roles":["muster-admin"]}').toString('base64url')}.`,
        ),
        ...everywhere(tooShort),
        ...everywhere('mst_root_000000000000000000000000000000000000'),
        { cookie: 'muster_session=' },
      ],
      token: tooShort,
    },
    {
      name: 'bad checksum',
      headers: [...everywhere(withWrongChecksum(good.secret)), bearer(withWrongChecksum(app.key))],
      token: withWrongChecksum(good.secret),
    },
    { name: 'unknown', headers: everywhere(unknownKey()), token: unknownKey() },
    { name: 'revoked', headers: everywhere(revoked.secret), token: revoked.secret },
    { name: 'expired', headers: [...everywhere(expired.secret), bearer(admin.secret)], token: expired.secret },
  ];
}

/** What no key can be without. */
const ALWAYS = ['public', 'self:read'];

export async function weakCredentials(app: TestApp, target: Target): Promise<WeakCredential[]> {
  const owner = { principalId: 'user:narrow-owner' };
  await setMember(app, target.workspaceId, owner.principalId, 'owner');
  const narrow = new Map<string, string>();
  for (const permission of PERMISSIONS.filter((each) => !ALWAYS.includes(each))) {
    const scopes = PERMISSIONS.filter((each) => each !== permission && each !== 'public');
    const key = await giveKey(app, {
      ...owner,
      scopes,
      kind: ADMIN_ONLY.includes(permission) ? 'admin' : 'personal',
      ...(ADMIN_ONLY.includes(permission) ? { principalId: undefined } : {}),
    });
    narrow.set(permission, key.secret);
  }
  const outsider = await giveKey(app, { principalId: 'user:outsider' });
  const viewer = await giveKey(app, { principalId: 'user:viewer' });
  await setMember(app, target.workspaceId, 'user:viewer', 'viewer');
  const other = await app.call('POST', '/api/sessions', {
    body: { runtime: 'external', workspaceId: target.workspaceId, name: 'the other one' },
  });
  const token = await agentToken(app, other.body.id);
  return [
    { name: 'wrong scope', keyFor: (permission) => narrow.get(permission) ?? '' },
    { name: 'not a member', keyFor: () => outsider.secret },
    { name: 'viewer', keyFor: () => viewer.secret },
    { name: 'agent of another session', keyFor: () => token },
  ];
}

/** Permissions that no user has, whatever the scopes of a key. */
export const ADMIN_ONLY: readonly string[] = ['agents:manage', 'audit:read', 'ops:read'];
/** All that an agent may do, within its own session. */
export const OF_AGENTS: readonly string[] = ['self:read', 'sessions:read', 'events:append'];
