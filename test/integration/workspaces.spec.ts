import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authenticator } from '../../src/auth/authenticator.service.js';
import type { Principal } from '../../src/auth/principal.types.js';
import { Outbox } from '../../src/core/database/outbox.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { WorkspacesService } from '../../src/workspaces/workspaces.service.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('workspaces on %s', (dialect) => {
  let app: TestApp;
  let root: string;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    root = realpathSync(app.database.dataDir);
  });
  afterAll(() => app.close());

  const directory = (name = `project-${++count}`): string => {
    mkdirSync(join(root, name), { recursive: true });
    return join(root, name);
  };
  const create = (body: object, headers = {}) => app.call('POST', '/api/workspaces', { body, headers });
  const created = async (fields: object = {}) => (await create({ path: directory(), ...fields })).body;
  const eventsOf = async (workspaceId: string) =>
    (await app.get(Outbox).read(0, 10_000)).filter((event) => event.workspaceId === workspaceId && event.name.startsWith('workspace.'));
  const user = (id: string): Principal => ({ id, kind: 'user', name: id });

  describe('are made of a directory', () => {
    it('that exists, named after it, owned by who made it', async () => {
      const path = directory('My Project');
      const { status, body, headers } = await create({ path });
      expect(status).toBe(201);
      expect(body).toEqual({
        id: expect.any(String),
        name: 'My Project',
        path,
        maxActiveSessions: null,
        retention: null,
        metadata: {},
        ownerId: 'admin',
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        updatedAt: body.createdAt,
        version: 1,
      });
      expect(headers.get('location')).toBe(`/api/workspaces/${body.id}`);
      expect(headers.get('etag')).toBe('"1"');
      const again = await app.call('GET', headers.get('location') ?? '');
      expect([again.status, again.body, again.headers.get('etag')]).toEqual([200, body, '"1"']);
      expect(await eventsOf(body.id)).toMatchObject([
        { name: 'workspace.created', actor: 'admin', ownerId: 'admin', data: { workspaceId: body.id, name: 'My Project' } },
      ]);
    });

    it('with all its fields, whatever stands in them', async () => {
      const metadata = {
        ключ: ['\u0000', { deep: [null, 1.5, '🚀'] }],
        constructor: 'x',
        toString: { valueOf: [{ constructor: null, then: 1 }] },
      };
      const name = `"'; drop table workspaces; -- <b>％s ${'🚀'}`;
      expect(await created({ name, maxActiveSessions: 1, metadata })).toMatchObject({ name, maxActiveSessions: 1, metadata });
    });

    it('by its real path, so that a link to it is the same workspace', async () => {
      const path = directory();
      symlinkSync(path, `${path}-link`);
      const { body } = await create({ path: `${path}-link/../${path.slice(root.length + 1)}/.` });
      expect(body).toMatchObject({ path });
      for (const other of [path, `${path}-link`, `${path}/`]) {
        const { status, body: problem } = await create({ path: other });
        expect([status, problem.code, problem.context]).toEqual([409, 'workspace_exists', { path, workspaceId: body.id }]);
      }
    });

    it('once, however many ask at the same time', async () => {
      const path = directory();
      const answers = await Promise.all(Array.from({ length: 20 }, () => create({ path })));
      const first = answers.find(({ status }) => status === 201)?.body;
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      for (const { status, body } of answers) if (status !== 201) expect([status, body.context.workspaceId]).toEqual([409, first.id]);
      expect(await eventsOf(first.id)).toHaveLength(1);
    });

    it('and not of anything else: each way to be wrong has its code', async () => {
      writeFileSync(join(root, 'file'), '');
      symlinkSync('/etc', join(root, 'escape'));
      symlinkSync('loop', join(root, 'loop'));
      const refused: Record<string, string> = {
        [join(root, 'missing')]: 'path_not_found',
        [join(root, 'file')]: 'path_not_directory',
        [join(root, 'escape')]: 'path_escapes_roots',
        [join(root, 'loop')]: 'path_link_loop',
        '/etc': 'path_not_allowed',
        '/no/such': 'path_not_allowed',
        relative: 'path_not_absolute',
        '': 'path_invalid',
        [`${root}/a\u0000b`]: 'path_invalid',
        [`${root}/\udc00`]: 'path_invalid',
        [`${root}/${'x'.repeat(3_000)}`]: 'path_too_long',
      };
      for (const [path, code] of Object.entries(refused)) {
        const { status, body } = await create({ path });
        expect([path, status, body.code]).toEqual([path, 400, code]);
        expect(body).toMatchObject({ detail: expect.any(String), remedy: expect.any(String) });
      }
    });

    it.each<[string, object, string]>([
      ['no path', {}, 'path'],
      ['a path that is no string', { path: ['/tmp'] }, 'path'],
      ['a null name', { path: '/tmp', name: null }, 'name'],
      ['an empty name', { path: '/tmp', name: '' }, 'name'],
      ['a long name', { path: '/tmp', name: 'x'.repeat(257) }, 'name'],
      ['a NUL in the name', { path: '/tmp', name: 'a\u0000' }, 'name'],
      ['no sessions at all', { path: '/tmp', maxActiveSessions: 0 }, 'maxActiveSessions'],
      ['half a session', { path: '/tmp', maxActiveSessions: 1.5 }, 'maxActiveSessions'],
      ['a text as number', { path: '/tmp', maxActiveSessions: '1' }, 'maxActiveSessions'],
      ['metadata that is a list', { path: '/tmp', metadata: [] }, 'metadata'],
      ['a field that every object has', { path: '/tmp', constructor: 'x' }, 'constructor'],
      ['an unknown field', { path: '/tmp', ownerId: 'me' }, 'ownerId'],
    ])('and not of %s', async (_title, body, field) => {
      const answer = await create(body);
      expect([answer.status, answer.body.code, answer.body.issues[0].path]).toEqual([400, 'invalid_input', field]);
    });
  });

  describe('are changed', () => {
    it('in the fields given; null takes the limit away; every change counts', async () => {
      const { id, createdAt, path } = await created({ maxActiveSessions: 2, metadata: { a: 1 } });
      const patch = (body: object) => app.call('PATCH', `/api/workspaces/${id}`, { body });
      const first = await patch({ name: 'renamed' });
      expect([first.status, first.headers.get('etag')]).toEqual([200, '"2"']);
      expect(first.body).toMatchObject({ id, path, createdAt, name: 'renamed', maxActiveSessions: 2, metadata: { a: 1 }, version: 2 });
      expect((await patch({ maxActiveSessions: null, metadata: {} })).body).toMatchObject({
        name: 'renamed',
        maxActiveSessions: null,
        metadata: {},
        version: 3,
      });
      expect((await patch({ name: 'renamed', maxActiveSessions: null, metadata: {} })).body).toMatchObject({ version: 3 });
      expect((await patch({})).body).toMatchObject({ version: 3 });
      expect((await eventsOf(id)).map(({ name, data }) => ({ ...data, name }))).toMatchObject([
        { name: 'workspace.created' },
        { name: 'workspace.updated', changed: ['name'] },
        { name: 'workspace.updated', changed: ['maxActiveSessions', 'metadata'] },
      ]);
    });

    it('only in the version that was read, where If-Match says so', async () => {
      const { id } = await created();
      const patch = (ifMatch: string) =>
        app.call('PATCH', `/api/workspaces/${id}`, { body: { name: `for ${ifMatch}` }, headers: { 'if-match': ifMatch } });
      expect(await patch('"1"')).toMatchObject({ status: 200, body: { version: 2 } });
      expect(await patch('"1"')).toMatchObject({ status: 409, body: { code: 'version_conflict', context: { version: 2 } } });
      expect(await patch('"1", W/"2"')).toMatchObject({ status: 200, body: { version: 3 } });
      expect(await patch('*')).toMatchObject({ status: 200, body: { version: 4 } });
      expect(await patch('4')).toMatchObject({ status: 400, body: { code: 'invalid_input', issues: [{ path: 'If-Match' }] } });
    });

    it('by one of many who read the same version', async () => {
      const { id } = await created();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          app.call('PATCH', `/api/workspaces/${id}`, { body: { name: `n${n}` }, headers: { 'if-match': '"1"' } }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    });

    it('never in their path', async () => {
      const { id } = await created();
      expect(await app.call('PATCH', `/api/workspaces/${id}`, { body: { path: '/tmp' } })).toMatchObject({
        status: 400,
        body: { issues: [{ path: 'path' }] },
      });
      expect(await app.call('PATCH', `/api/workspaces/${id}`, { body: { name: null } })).toMatchObject({
        status: 400,
        body: { issues: [{ path: 'name' }] },
      });
    });
  });

  describe('are listed', () => {
    const prefix = 'List Über';
    const names = ['b', 'a', 'c', 'a', 'e', 'd', '100%', '100_'];
    let ids: string[];
    const list = async (query: string) => (await app.call('GET', `/api/workspaces?${query}`)).body;

    beforeAll(async () => {
      ids = [];
      for (const [n, name] of names.entries())
        ids.push((await created({ name: `${prefix} ${name}`, path: directory(`listed/Dir-${n}`) })).id);
    });

    it.each(['-createdAt', 'createdAt', '-updatedAt', 'updatedAt', 'name', '-name'])('page by page, each once, by %s', async (sort) => {
      const seen: { id: string }[] = [];
      let cursor: string | null = '';
      do {
        const page: { items: { id: string }[]; nextCursor: string | null; total: number } = await list(
          `q=listed&sort=${sort}&limit=3&total=true${cursor ? `&cursor=${cursor}` : ''}`,
        );
        expect(page.total).toBe(names.length);
        expect(page.items.length).toBeLessThanOrEqual(3);
        seen.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen.map(({ id }) => id).sort()).toEqual([...ids].sort());
      if (sort === 'createdAt') expect(seen.map(({ id }) => id)).toEqual(ids);
      if (sort === '-createdAt') expect(seen.map(({ id }) => id)).toEqual([...ids].reverse());
    });

    it('by a part of the name or the path, whatever its case, and nothing else is a pattern', async () => {
      const found = async (q: string) => (await list(`q=${encodeURIComponent(q)}`)).items.map(({ name }: { name: string }) => name).sort();
      expect(await found('Über E')).toEqual([`${prefix} e`]);
      expect(await found('LISTED/dir-5')).toEqual([`${prefix} d`]);
      expect(await found('100%')).toEqual([`${prefix} 100%`]);
      expect(await found('100_')).toEqual([`${prefix} 100_`]);
      expect(await found("'; --")).toEqual(expect.any(Array));
    });

    it('with 400 for a wrong question', async () => {
      const { nextCursor } = await list('limit=1&sort=name');
      for (const query of [
        'limit=0',
        'limit=201',
        'limit=x',
        'sort=path',
        'total=yes',
        'cursor=x',
        `cursor=${nextCursor}&sort=-name`,
        'q=',
        'q=%00',
        'owner=me',
        'q=a&q=b',
      ])
        expect([query, await app.call('GET', `/api/workspaces?${query}`)]).toMatchObject([
          query,
          { status: 400, body: { code: 'invalid_input' } },
        ]);
    });
  });

  describe('are deleted', () => {
    it('without their files', async () => {
      const { id, path } = await created();
      writeFileSync(join(path, 'precious'), 'x');
      expect(await app.call('DELETE', `/api/workspaces/${id}`)).toMatchObject({ status: 200, body: { id, deleted: true } });
      expect(existsSync(join(path, 'precious'))).toBe(true);
      for (const method of ['GET', 'DELETE', 'PATCH'])
        expect(await app.call(method, `/api/workspaces/${id}`, method === 'PATCH' ? { body: { name: 'x' } } : {})).toMatchObject({
          status: 404,
          body: { code: 'workspace_not_found' },
        });
      expect((await eventsOf(id)).map(({ name }) => name)).toEqual(['workspace.created', 'workspace.deleted']);
      expect((await create({ path })).status).toBe(201);
    });

    it('not while a session in them is live; ended ones stay, without a workspace', async () => {
      const { id } = await created();
      const session = (await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId: id } })).body;
      expect(session).toMatchObject({ workspaceId: id, status: 'running' });
      expect(await app.call('DELETE', `/api/workspaces/${id}`)).toMatchObject({
        status: 409,
        body: { code: 'workspace_in_use', context: { workspaceId: id, liveSessions: 1 } },
      });
      expect((await app.call('POST', `/api/sessions/${session.id}/stop`)).status).toBe(200);
      expect((await app.call('DELETE', `/api/workspaces/${id}`)).status).toBe(200);
      const kept = await app.call('GET', `/api/sessions/${session.id}`);
      expect([kept.status, kept.body.projectDir, 'workspaceId' in kept.body]).toEqual([200, session.projectDir, false]);
    });

    it('together with what others hang on them, or not at all', async () => {
      const { id } = await created();
      const workspaces = app.get(WorkspacesService);
      let isRefusing = true;
      workspaces.addDeletionGuard(async (work, workspaceId) => {
        if (workspaceId !== id) return;
        expect(await work.query('select id from workspaces where id = ?', [id])).toHaveLength(1);
        if (isRefusing) throw new Error('refused by a guard');
      });
      expect((await app.call('DELETE', `/api/workspaces/${id}`)).status).toBe(500);
      expect((await app.call('GET', `/api/workspaces/${id}`)).status).toBe(200);
      isRefusing = false;
      expect((await app.call('DELETE', `/api/workspaces/${id}`)).status).toBe(200);
    });
  });

  describe('are seen', () => {
    it('by their owner and by admins, and are not there for others', async () => {
      const workspaces = app.get(WorkspacesService);
      const path = directory();
      const mine = await workspaces.create(user('ann'), { path });
      const query = { limit: 50, q: path };
      const ann = (await app.get(Authenticator).refreshed(user('ann'))) ?? user('ann');
      await expect(workspaces.getVisible(ann, mine.id)).resolves.toMatchObject({ ownerId: 'ann' });
      await expect(workspaces.getVisible(user('bob'), mine.id)).rejects.toMatchObject({ code: 'workspace_not_found' });
      await expect(workspaces.patch(user('bob'), mine.id, { name: 'stolen' })).rejects.toMatchObject({ code: 'workspace_not_found' });
      await expect(workspaces.remove(user('bob'), mine.id)).rejects.toMatchObject({ code: 'workspace_not_found' });
      expect((await workspaces.list(user('bob'), query)).items).toEqual([]);
      expect((await workspaces.list(ann, query)).items).toHaveLength(1);
      const agent: Principal = { id: 'ann', kind: 'agent', name: 'agent', sessionId: 'x' };
      expect((await workspaces.list(agent, query)).items).toEqual([]);
      await expect(workspaces.create(user('bob'), { path })).rejects.toMatchObject({
        code: 'workspace_exists',
        details: { context: { path } },
      });
      const refusal = await workspaces.create(user('bob'), { path }).catch((error: unknown) => error);
      expect(JSON.stringify(refusal) + String(refusal)).not.toContain(mine.id);
      expect((await app.call('GET', `/api/workspaces/${mine.id}`)).status).toBe(200);
    });

    it('by nobody without a key', async () => {
      for (const [method, path] of [
        ['GET', ''],
        ['POST', ''],
        ['GET', '/x'],
        ['PATCH', '/x'],
        ['DELETE', '/x'],
      ] as const)
        expect((await app.call(method, `/api/workspaces${path}`, { key: null })).status).toBe(401);
    });

    it('and an id that can be none is not found', async () => {
      for (const id of ['x', '%00', '..%2f', "'%20or%201=1", 'x'.repeat(400), '%F0%9F%9A%80'])
        expect([id, (await app.call('GET', `/api/workspaces/${id}`)).status]).toEqual([id, 404]);
    });
  });

  it('can be locked by those who add to them, until they are gone', async () => {
    const { id } = await created();
    const [workspaces, unit] = [app.get(WorkspacesService), app.get(UnitOfWork)];
    await expect(unit.run(() => workspaces.lock(id))).resolves.toMatchObject({ id });
    await app.call('DELETE', `/api/workspaces/${id}`);
    await expect(unit.run(() => workspaces.lock(id))).rejects.toMatchObject({ code: 'workspace_not_found' });
  });
});
