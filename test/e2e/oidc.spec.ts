import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { IdentityProvider } from '../support/identity-provider.js';
import { setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

describe.each(DIALECTS)('tokens of an identity provider on %s', (dialect) => {
  let provider: IdentityProvider;
  let app: TestApp;
  beforeAll(async () => {
    provider = await IdentityProvider.start();
    app = await TestApp.start(dialect, {
      MUSTER_OIDC_ISSUER: provider.issuer,
      MUSTER_OIDC_AUDIENCE: provider.audience,
      MUSTER_OIDC_ROLE_CLAIM: 'realm_access.roles',
    });
  });
  afterAll(async () => {
    await app?.close();
    await provider?.down();
  });

  it('say who asks, over HTTP and WebSocket', async () => {
    const key = await provider.token({ sub: 'ada', name: 'Ada Lovelace' });
    expect(await app.call('GET', '/api/me', { key })).toMatchObject({
      status: 200,
      body: { id: 'oidc:ada', kind: 'user', name: 'Ada Lovelace', roles: {} },
    });
    expect((await app.call('GET', '/api/me', { key: null, headers: { 'x-api-key': key } })).body.id).toBe('oidc:ada');
    const socket = await WsClient.connect(app.url, { key });
    expect(socket.frames[0]).toMatchObject({ type: 'hello', principal: { id: 'oidc:ada' } });
    await socket.close();
  });

  it('reach what their holder is a member of, as far as the role goes, from the moment it is given', async () => {
    const { id } = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'shared');
    const key = await provider.token({ sub: 'auth0|grace' });
    const status = async (method: string, path: string, body?: unknown) => (await app.call(method, path, { key, body })).status;
    expect(await status('GET', `/api/workspaces/${id}`)).toBe(404);
    await setMember(app, id, 'oidc:auth0|grace', 'viewer');
    expect(await status('GET', `/api/workspaces/${id}`)).toBe(200);
    expect(await status('POST', '/api/sessions', { runtime: 'external', workspaceId: id })).toBe(403);
    await setMember(app, id, 'oidc:auth0|grace', 'editor');
    const { body: session } = await app.call('POST', '/api/sessions', { key, body: { runtime: 'external', workspaceId: id } });
    expect(session).toMatchObject({ ownerId: 'oidc:auth0|grace' });
    expect(await status('GET', '/api/audit')).toBe(403);
    expect(await status('GET', '/api/metrics')).toBe(403);
    await app.call('DELETE', `/api/workspaces/${id}/members/${encodeURIComponent('oidc:auth0|grace')}`);
    expect(await status('GET', `/api/sessions/${session.id}`)).toBe(404);
  });

  it('of an admin by its role see everything', async () => {
    const key = await provider.token({ sub: 'root', realm_access: { roles: ['offline_access', 'muster-admin'] } });
    expect((await app.call('GET', '/api/me', { key })).body).toMatchObject({ id: 'oidc:root', kind: 'admin' });
    expect((await app.call('GET', '/api/audit?limit=1', { key })).status).toBe(200);
  });

  it('that are not good are 401, and tell nothing of why', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const tokens = [
      await provider.token({ exp: now - 1 }),
      await provider.token({ nbf: now + 100 }),
      await provider.token({ aud: 'other' }),
      await provider.token({ iss: 'https://elsewhere.example' }),
      await provider.token({}, { key: await IdentityProvider.newKey('first') }),
      `${(await provider.token()).slice(0, -4)}AAAA`,
      'eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.',
      'not.a.token',
    ];
    const answers = await Promise.all(tokens.map((key) => app.call('GET', '/api/me', { key })));
    for (const { status, body } of answers) {
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' });
      expect(body.detail).toBe(answers[0]?.body.detail);
    }
  });

  it('whose provider does not answer are 503 with Retry-After, while keys go on working', async () => {
    const token = await provider.token();
    const other = await TestApp.start(dialect, { MUSTER_OIDC_ISSUER: provider.issuer, MUSTER_OIDC_AUDIENCE: provider.audience });
    try {
      await provider.down();
      const { status, body, headers } = await other.call('GET', '/api/me', { key: token });
      expect({ status, code: body.code }).toEqual({ status: 503, code: 'identity_provider_unavailable' });
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect((await other.call('GET', '/api/me')).status).toBe(200);
      expect((await other.call('GET', '/api/me', { key: 'not.a.token' })).status).toBe(401);
      // The one that has read the keys goes on.
      expect((await app.call('GET', '/api/me', { key: token })).status).toBe(200);
      await provider.up();
      await eventually(async () => (await other.call('GET', '/api/me', { key: token })).status === 200);
    } finally {
      await other.close();
    }
  });

  it('end, and with them what they opened', async () => {
    const key = await provider.token({ sub: 'short', exp: Math.floor(Date.now() / 1_000) + 3 });
    const { body } = await app.call('POST', '/api/tickets', { key });
    const socket = await WsClient.connect(app.url, { key });
    await socket.request({ type: 'subscribe', feed: true });
    await socket.untilClosed();
    expect(socket.closed?.code).toBe(4401);
    await eventually(async () => (await app.call('GET', '/api/me', { key })).status === 401);
    expect((await WsClient.refused(app.url, { path: `/api/ws?ticket=${body.ticket}` })).status).toBe(401);
  });
});
