import { Keys } from '../../src/auth/keys.service.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { makeWorkspace } from '../support/sessions.js';

describe.each(DIALECTS)('who may do what on %s', (dialect) => {
  let app: TestApp;
  let shared: { id: string };
  let other: { id: string };

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    const post = (path: string, body: unknown) => app.call('POST', path, { body });
    shared = await makeWorkspace(post, app.database.dataDir, 'shared');
    other = await makeWorkspace(post, app.database.dataDir, 'other');
    for (const [who, role] of Object.entries({ 'user:vera': 'viewer', 'user:ed': 'editor', 'user:olga': 'owner' }))
      expect((await app.call('PUT', `/api/workspaces/${shared.id}/members/${who}`, { body: { role } })).status).toBe(200);
  });
  afterAll(() => app?.close());

  const give = async (fields: object, key?: string) =>
    app.call('POST', '/api/keys', { body: { name: 'test', ...fields }, ...(key ? { key } : {}) });
  const keyOf = async (principalId: string, more: object = {}): Promise<string> => (await give({ principalId, ...more })).body.secret;
  const report = (key: string, workspaceId?: string) =>
    app.call('POST', '/api/sessions', { key, body: { runtime: 'external', ...(workspaceId ? { workspaceId } : {}) } });

  it('gives a key once, shows it never again, and knows when it was used', async () => {
    const given = await give({ principalId: 'user:ada', kind: 'personal', name: 'laptop' });
    expect(given).toMatchObject({
      status: 201,
      body: { kind: 'personal', principalId: 'user:ada', secret: expect.stringMatching(/^mst_pat_\w{36}$/), lastUsedAt: null },
    });
    expect(given.headers.get('cache-control')).toBe('no-store');
    const { id, secret } = given.body;
    expect((await app.call('GET', '/api/me', { key: secret })).body).toMatchObject({ id: 'user:ada', kind: 'user' });
    await app.get(Keys).onModuleDestroy(); // writes the uses down
    const { items } = (await app.call('GET', '/api/keys?principalId=user:ada')).body;
    expect(items).toMatchObject([{ id, lastUsedAt: expect.any(String), prefix: secret.slice(0, 12) }]);
    expect(JSON.stringify(items)).not.toContain(secret);
    expect((await app.call('GET', '/api/keys', { key: secret })).body.items.map((each: any) => each.id)).toEqual([id]);
  });

  it('ends a key by revoking, by time, and by rotation, with an overlap where wanted', async () => {
    const revoked = (await give({ principalId: 'user:r' })).body;
    expect(await app.call('DELETE', `/api/keys/${revoked.id}`)).toMatchObject({ status: 200, body: { revokedAt: expect.any(String) } });
    expect((await app.call('GET', '/api/me', { key: revoked.secret })).status).toBe(401);
    expect((await app.call('DELETE', `/api/keys/${revoked.id}`)).status).toBe(404);

    const short = (await give({ principalId: 'user:s', expiresAt: new Date(Date.now() + 700).toISOString() })).body;
    expect((await app.call('GET', '/api/me', { key: short.secret })).status).toBe(200);
    await eventually(async () => (await app.call('GET', '/api/me', { key: short.secret })).status === 401);
    expect(await give({ expiresAt: '2020-01-01T00:00:00Z', principalId: 'user:s' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    });

    const old = (await give({ principalId: 'user:t', scopes: ['sessions:read'] })).body;
    const next = await app.call('POST', `/api/keys/${old.id}/rotate`, { body: {} });
    expect(next).toMatchObject({ status: 201, body: { rotatedFromId: old.id, principalId: 'user:t', scopes: ['sessions:read'] } });
    expect((await app.call('GET', '/api/me', { key: old.secret })).status).toBe(401);
    const third = await app.call('POST', `/api/keys/${next.body.id}/rotate`, { body: { overlapS: 3600 } });
    for (const { secret } of [next.body, third.body]) expect((await app.call('GET', '/api/me', { key: secret })).status).toBe(200);
  });

  it('lets a key reach no further than its scopes, its workspaces, and the key it was made with', async () => {
    const reader = await keyOf('user:olga', { scopes: ['sessions:read', 'keys:manage'] });
    expect(await report(reader, shared.id)).toMatchObject({
      status: 403,
      body: { code: 'forbidden', context: { permission: 'sessions:create' } },
    });
    expect((await app.call('GET', '/api/sessions', { key: reader })).status).toBe(200);
    expect(await give({ scopes: ['sessions:create'] }, reader)).toMatchObject({ status: 403 });
    const child = (await give({}, reader)).body;
    expect(child.scopes).toEqual(['sessions:read', 'keys:manage']);
    expect(await give({ principalId: 'user:vera' }, reader)).toMatchObject({ status: 403 });
    expect(await give({ kind: 'admin' }, reader)).toMatchObject({ status: 403 });

    await app.call('PUT', `/api/workspaces/${other.id}/members/user:olga`, { body: { role: 'owner' } });
    const limited = await keyOf('user:olga', { workspaceIds: [shared.id] });
    expect((await app.call('GET', '/api/workspaces', { key: limited })).body.items.map((each: any) => each.id)).toEqual([shared.id]);
    expect((await app.call('GET', `/api/workspaces/${other.id}`, { key: limited })).status).toBe(404);
    expect(await give({ workspaceIds: [other.id] }, limited)).toMatchObject({ status: 403 });
    expect((await give({}, limited)).body.workspaceIds).toEqual([shared.id]);
  });

  it('lets a viewer look, an editor work, and an owner decide; others find nothing', async () => {
    const [vera, ed, olga, stranger] = await Promise.all(['user:vera', 'user:ed', 'user:olga', 'user:nobody'].map((who) => keyOf(who)));
    const session = (await report(ed ?? '', shared.id)).body;
    const append = (key = '') => app.call('POST', `/api/sessions/${session.id}/events`, { key, body: { type: 'own', payload: {} } });
    expect((await app.call('GET', `/api/sessions/${session.id}`, { key: vera })).status).toBe(200);
    for (const call of [append(vera), report(vera ?? '', shared.id), app.call('POST', `/api/sessions/${session.id}/stop`, { key: vera })])
      expect(await call).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect((await append(ed)).status).toBe(201);
    expect(await app.call('PATCH', `/api/workspaces/${shared.id}`, { key: ed, body: { name: 'x' } })).toMatchObject({
      status: 403,
      body: { context: { needed: 'owner', role: 'editor' } },
    });
    expect((await app.call('PATCH', `/api/workspaces/${shared.id}`, { key: olga, body: { name: 'Ours' } })).status).toBe(200);
    for (const [method, path] of [
      ['GET', `/api/sessions/${session.id}`],
      ['GET', `/api/sessions/${session.id}/events`],
      ['POST', `/api/sessions/${session.id}/stop`],
      ['GET', `/api/workspaces/${shared.id}`],
      ['GET', `/api/workspaces/${shared.id}/members`],
      ['DELETE', `/api/workspaces/${shared.id}`],
    ] as const)
      expect([path, (await app.call(method, path, { key: stranger })).status]).toEqual([path, 404]);
    expect((await app.call('GET', '/api/sessions?total=true', { key: stranger })).body).toEqual({ items: [], nextCursor: null, total: 0 });

    const own = (await report(stranger ?? '')).body;
    expect((await app.call('GET', `/api/sessions/${own.id}`, { key: stranger })).body.ownerId).toBe('user:nobody');
    expect((await app.call('GET', `/api/sessions/${own.id}`, { key: olga })).status).toBe(404);
    expect(
      (await app.call('GET', `/api/feed?limit=1000`, { key: stranger })).body.items.every(
        (each: any) => each.ownerId === 'user:nobody' && each.workspaceId === null,
      ),
    ).toBe(true);
  });

  it('keeps an owner in every workspace, and lets everybody leave', async () => {
    const room = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'room');
    const members = (path: string, method = 'GET', options = {}) => app.call(method, `/api/workspaces/${room.id}/members${path}`, options);
    expect(await members('/admin', 'DELETE')).toMatchObject({ status: 409, body: { code: 'last_owner' } });
    expect(await members('/admin', 'PUT', { body: { role: 'viewer' } })).toMatchObject({ status: 409, body: { code: 'last_owner' } });
    await members('/user:gast', 'PUT', { body: { role: 'viewer' } });
    const guest = await keyOf('user:gast');
    expect((await members('', 'GET', { key: guest })).body.items.map((each: any) => `${each.principalId} ${each.role}`)).toEqual([
      'admin owner',
      'user:gast viewer',
    ]);
    expect(await members('/user:x', 'PUT', { key: guest, body: { role: 'viewer' } })).toMatchObject({ status: 403 });
    expect((await members('/user:gast', 'DELETE', { key: guest })).status).toBe(200);
    expect((await members('', 'GET', { key: guest })).status).toBe(404);
    expect(await members('/user:gast', 'DELETE')).toMatchObject({ status: 404, body: { code: 'member_not_found' } });
  });

  it('gives a ticket for one WebSocket and nothing else', async () => {
    const { ticket } = (await app.call('POST', '/api/tickets')).body;
    expect((await app.call('GET', `/api/me?ticket=${ticket}`, { key: null })).status).toBe(401);
    expect((await app.call('GET', '/api/me', { key: ticket })).status).toBe(401);
  });
});
