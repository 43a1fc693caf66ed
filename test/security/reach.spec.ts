import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { giveKey, setMember } from '../support/principals.js';

describe.each(DIALECTS)('how far credentials reach, on %s', (dialect) => {
  let app: TestApp;
  let root: string;
  /** Ada's workspace; Ben is a viewer of it, Cleo an editor, Dan nobody. */
  let workspaceId: string;
  let path: string;
  const keys: Record<string, string> = {};

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    root = realpathSync(app.database.dataDir);
    path = join(root, 'team', 'project_1');
    for (const each of [join(path, 'deep', 'er'), join(root, 'team', 'projectX1'), join(root, 'team', 'PROJECT_1'), join(root, 'free')])
      mkdirSync(each, { recursive: true });
    for (const name of ['ada', 'ben', 'cleo', 'dan']) keys[name] = (await giveKey(app, { principalId: `user:${name}` })).secret;
    workspaceId = (await app.call('POST', '/api/workspaces', { body: { path }, key: keys.ada })).body.id;
    await setMember(app, workspaceId, 'user:ben', 'viewer');
    await setMember(app, workspaceId, 'user:cleo', 'editor');
  });
  afterAll(() => app?.close());

  const launch = (name: string, projectDir: string) =>
    app.call('POST', '/api/sessions', { key: keys[name], body: { agent: 'demo', projectDir, launch: false } });

  describe('the files of a workspace', () => {
    const inside = () => [path, join(path, 'deep'), join(path, 'deep', 'er'), `${path}/deep/../deep/./er`, join(root, 'team'), root];

    it('are worked on by its editors only, whichever directory is named', async () => {
      for (const directory of inside())
        for (const [name, status] of [
          ['ada', 201],
          ['cleo', 201],
          ['ben', 403],
          ['dan', 403],
        ] as const)
          expect([directory, name, (await launch(name, directory)).status]).toEqual([directory, name, status]);
    });

    it('are not had by a workspace inside of it, or around it', async () => {
      for (const directory of [join(path, 'deep'), join(path, 'deep', 'er'), join(root, 'team')])
        for (const name of ['ben', 'dan']) {
          const answer = await app.call('POST', '/api/workspaces', { key: keys[name], body: { path: directory } });
          expect([directory, name, answer.status, answer.body.code]).toEqual([directory, name, 403, 'forbidden']);
          expect(JSON.stringify(answer.body)).not.toContain(workspaceId);
        }
      const own = await app.call('POST', '/api/workspaces', { key: keys.cleo, body: { path: join(path, 'deep') } });
      expect(own.status).toBe(201);
      expect((await app.call('DELETE', `/api/workspaces/${own.body.id}`, { key: keys.cleo })).status).toBe(200);
    });

    it('are not confused with those of a directory with a like name', async () => {
      for (const directory of [join(root, 'team', 'projectX1'), join(root, 'team', 'PROJECT_1'), join(root, 'free')])
        expect([directory, (await launch('dan', directory)).status]).toEqual([directory, 201]);
    });
  });

  describe('a key that is limited to workspaces', () => {
    let limited: string;
    beforeAll(async () => void (limited = (await giveKey(app, { principalId: 'user:ada', workspaceIds: [workspaceId] })).secret));

    it('reaches nothing outside of them, not even what is its own', async () => {
      const own = await app.call('POST', '/api/sessions', { key: keys.ada, body: { runtime: 'external', externalId: 'mine' } });
      expect(own.status).toBe(201);
      for (const id of [own.body.id, 'ext:mine'])
        for (const [method, rest, body] of [
          ['GET', ''],
          ['GET', '/events'],
          ['PATCH', '', { name: 'x' }],
          ['POST', '/events', { type: 'x', payload: {} }],
          ['DELETE', '?force=true'],
        ] as const)
          expect([method, rest, (await app.call(method, `/api/sessions/${id}${rest}`, { key: limited, body })).status]).toEqual([
            method,
            rest,
            404,
          ]);
      const listed = (await app.call('GET', '/api/sessions?limit=200&total=true', { key: limited })).body;
      expect(listed.items.every((each: any) => each.workspaceId === workspaceId)).toBe(true);
      expect(
        (await app.call('GET', '/api/feed?limit=1000', { key: limited })).body.items.every((each: any) => each.workspaceId === workspaceId),
      ).toBe(true);
    });

    it('makes nothing outside of them', async () => {
      const free = join(root, 'free');
      for (const body of [{ runtime: 'external' }, { agent: 'demo', projectDir: free, launch: false }])
        expect(await app.call('POST', '/api/sessions', { key: limited, body })).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      expect(await app.call('POST', '/api/workspaces', { key: limited, body: { path: free } })).toMatchObject({ status: 403 });
      expect(await app.call('POST', '/api/sessions', { key: limited, body: { runtime: 'external', workspaceId } })).toMatchObject({
        status: 201,
      });
    });

    it('is no admin key: that reaches every workspace, and says so', async () => {
      const answer = await app.call('POST', '/api/keys', { body: { name: 'x', kind: 'admin', workspaceIds: [workspaceId] } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input', issues: [{ path: 'workspaceIds' }] } });
    });
  });

  describe('a key that replaces another', () => {
    it('reaches no further than the one that asked for it', async () => {
      const wide = await giveKey(app, { principalId: 'user:ada' });
      const narrow = await giveKey(app, { principalId: 'user:ada', scopes: ['keys:manage'] });
      const inside = await giveKey(app, { principalId: 'user:ada', workspaceIds: [workspaceId] });
      const rotate = (key: string, id: string) => app.call('POST', `/api/keys/${id}/rotate`, { key, body: {} });
      for (const asking of [narrow, inside]) {
        expect(await rotate(asking.secret, wide.id)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
        expect((await app.call('GET', '/api/me', { key: wide.secret })).status).toBe(200);
      }
      expect((await rotate(narrow.secret, narrow.id)).status).toBe(201);
      expect((await rotate(inside.secret, inside.id)).status).toBe(201);
      expect((await rotate(keys.ada ?? '', wide.id)).status).toBe(201);
    });

    it('of an admin is not had with a narrow admin key', async () => {
      const full = await giveKey(app, { kind: 'admin' });
      const narrow = await giveKey(app, { kind: 'admin', scopes: ['keys:manage', 'sessions:read'] });
      const answer = await app.call('POST', `/api/keys/${full.id}/rotate`, { key: narrow.secret, body: {} });
      expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    });
  });
});
