import type { EntityTarget, ObjectLiteral } from 'typeorm';
import { ApiKeyEntity } from '../../src/auth/persistence/api-key.entity.js';
import { WorkspaceMemberEntity } from '../../src/auth/persistence/workspace-member.entity.js';
import { Database } from '../../src/core/database/database.js';
import { RowReader } from '../../src/core/database/row-reader.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { Where } from '../../src/core/database/where.js';
import { SessionEntity } from '../../src/sessions/persistence/session.entity.js';
import { SessionsRepository } from '../../src/sessions/persistence/sessions.repository.js';
import { WorkspaceEntity } from '../../src/workspaces/persistence/workspace.entity.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { makeWorkspace } from '../support/sessions.js';

describe.each(DIALECTS)('rows that are read without the ORM on %s', (dialect) => {
  let app: TestApp;
  let db: Database;
  let workspaceId: string;
  let ids: string[];
  const COUNT = 23;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    db = app.get(Database);
    const post = (path: string, body: unknown) => app.call('POST', path, { body });
    ({ id: workspaceId } = await makeWorkspace(post, app.database.dataDir, 'rows'));
    await app.call('PUT', `/api/workspaces/${workspaceId}/members/user:ada`, { body: { role: 'viewer' } });
    for (let n = 0; n < COUNT; n++)
      await post('/api/sessions', { runtime: 'external', workspaceId, name: `name ${n % 3}`, metadata: { n } });
    await post('/api/keys', { name: 'ci', kind: 'service', principalId: 'service:ci', scopes: ['sessions:read'] });
    await app.get(UnitOfWork).run(async (work) => {
      // Beyond 2^31, and a fraction.
      await work.query('update sessions set usage_input = 5000000000, usage_cost_usd = 0.25, process_started_at = 7, exit_code = 0');
      await work.query('update workspaces set max_active_sessions = 30');
    });
    ids = (await db.query<{ id: string }>('select id from sessions')).map(({ id }) => id).sort();
  });
  afterAll(() => app.close());

  const reader = <E extends ObjectLiteral>(entity: EntityTarget<E>) => new RowReader(db, entity, 't');

  it.each([
    ['sessions', SessionEntity],
    ['workspaces', WorkspaceEntity],
    ['keys', ApiKeyEntity],
    ['members', WorkspaceMemberEntity],
  ])('are the entities that the ORM would make: %s', async (_, entity: EntityTarget<ObjectLiteral>) => {
    const key = (row: ObjectLiteral) => String(row.id ?? row.workspaceId + row.principalId);
    const sorted = (rows: ObjectLiteral[]) => rows.map((row) => ({ ...row })).sort((a, b) => (key(a) < key(b) ? -1 : 1));
    const rows = await reader(entity).all(Where.anything);
    expect(rows.length).toBeGreaterThan(0);
    expect(sorted(rows)).toEqual(sorted(await db.reader.getRepository(entity).find()));
  });

  it.each(['name', '-name', 'createdAt', '-updatedAt'])('come page by page, each once, by %s', async (sort) => {
    const seen: SessionEntity[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await reader(SessionEntity).page(Where.anything, { sort, cursor, limit: 4, total: true });
      expect(page.total).toBe(COUNT);
      seen.push(...page.items);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    const property = sort.replace('-', '') as 'name';
    const order = [...seen].sort((a, b) => (a[property] === b[property] ? (a.id < b.id ? -1 : 1) : a[property] < b[property] ? -1 : 1));
    expect(seen.map(({ id }) => id)).toEqual((sort.startsWith('-') ? order.reverse() : order).map(({ id }) => id));
    expect(seen.map(({ id }) => id).sort()).toEqual(ids);
  });

  it('are those of the unit they are read in', async () => {
    const [id = ''] = ids;
    const first = () => reader(SessionEntity).first(Where.anything.and('t.id = ?', id));
    const before = await first();
    const undone = app.get(UnitOfWork).run(async (work) => {
      await work.query('update sessions set name = ? where id = ?', ['changed', id]);
      expect((await first())?.name).toBe('changed');
      throw new Error('no');
    });
    await expect(undone).rejects.toThrow('no');
    expect(await first()).toEqual(before);
    expect(await reader(SessionEntity).count(Where.anything.in('t.id', []))).toBe(0);
    expect(await reader(SessionEntity).first(Where.anything.and('t.id = ?', 'none'))).toBeNull();
  });

  it('show a session and its log as of one moment', async () => {
    const [id = ''] = ids;
    const view = await app.get(SessionsRepository).findView(id);
    await app.call('POST', `/api/sessions/${id}/events`, { body: { type: 'log', payload: { level: 'info', text: 'x' } } });
    const after = await app.get(SessionsRepository).findView(id);
    expect([after?.epoch, after?.lastSeq]).toEqual([view?.epoch, (view?.lastSeq ?? 0) + 1]);
    expect(typeof after?.messageCount).toBe('number');
  });
});
