import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { agentToken, giveKey, setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';

describe.each(DIALECTS)('the sessions of a workspace that are over, on %s', (dialect) => {
  let app: TestApp;
  let workspaceId: string;
  const ids: string[] = [];
  beforeAll(async () => {
    app = await TestApp.start(dialect);
    workspaceId = (await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'w')).id;
    for (let n = 0; n < 5; n++) {
      const { body } = await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId, name: `s${n}` } });
      ids.push(body.id);
      const payload = { role: 'assistant', content: [{ type: 'text', text: `said ${n}` }] };
      await app.call('POST', `/api/sessions/${body.id}/events`, { body: { type: 'message', payload } });
      if (n < 4) await app.call('POST', `/api/sessions/${body.id}/stop`);
      // Two that ended in the same moment, and each so many seconds after it began.
      const ended = `2026-11-0${n < 2 ? 1 : n}T00:00:0${n + 1}.000Z`.replace(':02.', ':01.');
      if (n < 4)
        await app
          .get(UnitOfWork)
          .run((work) =>
            work.query('update sessions set started_at = ?, ended_at = ? where id = ?', [
              ended.replace(/T.*/, 'T00:00:00.000Z'),
              ended,
              body.id,
            ]),
          );
    }
  });
  afterAll(() => app.close());

  const read = (query = '', options: object = {}) => app.call('GET', `/api/workspaces/${workspaceId}/sessions/history${query}`, options);

  it('are listed, the last one first, with what they came to', async () => {
    const { status, body } = await read();
    expect([status, body.nextCursor]).toEqual([200, null]);
    expect(body.items.map(({ name, durationMs }: any) => [name, durationMs])).toEqual(
      [['s3', 4_000], ['s2', 3_000], ...(ids[0]! > ids[1]! ? [['s0', 1_000], ['s1', 1_000]] : [['s1', 1_000], ['s0', 1_000]])], // prettier-ignore
    );
    expect(body.items[0]).toEqual({
      ...{ id: ids[3], workspaceId, name: 's3', agent: 'external', status: 'stopped', ownerId: 'admin' },
      ...{ messageCount: 1, durationMs: 4_000, lastMessagePreview: 'said 3', endReason: 'stopped by admin' },
      ...{ createdAt: expect.any(String), startedAt: '2026-11-03T00:00:00.000Z', endedAt: '2026-11-03T00:00:04.000Z' },
    });
  });

  it('are paged without a gap, also between those that ended in the same moment', async () => {
    const names: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body }: any = await read(`?limit=1${cursor && `&cursor=${cursor}`}`);
      names.push(...body.items.map(({ name }: any) => name));
      cursor = body.nextCursor;
    }
    expect(names).toEqual((await read()).body.items.map(({ name }: any) => name));
    expect((await read('?cursor=x')).body.code).toBe('invalid_input');
  });

  it('are shown to those who see the workspace; an agent sees its own', async () => {
    const [viewer, stranger] = [await giveKey(app, { principalId: 'user:v' }), await giveKey(app, { principalId: 'user:s' })];
    await setMember(app, workspaceId, 'user:v', 'viewer');
    expect((await read('', { key: viewer.secret })).body.items).toHaveLength(4);
    expect((await read('', { key: stranger.secret })).body.code).toBe('workspace_not_found');
    const asAgent = await read('', { key: await agentToken(app, ids[4] ?? '') });
    expect(asAgent.status === 404 || asAgent.status === 403 || asAgent.body.items.length === 0).toBe(true);
    for (const options of [{}, { key: viewer.secret }])
      expect((await app.call('GET', `/api/workspaces/${workspaceId}/sessions?status=running,stopped&total=true`, options)).body.total).toBe(
        5,
      );
    expect((await app.call('GET', `/api/workspaces/${workspaceId}/sessions`, { key: stranger.secret })).status).toBe(404);
  });

  it('are found by their index, in its order', async () => {
    const sql = `select s.id from sessions s join session_heads h on h.session_id = s.id where s.workspace_id = ? and s.ended_at is not null
      order by s.ended_at desc, s.id desc limit ?`;
    const explain = dialect === 'postgres' ? 'explain ' : 'explain query plan ';
    const plan = await app.get(UnitOfWork).run(async (work) => {
      if (dialect === 'postgres') await work.query('set local enable_seqscan = off');
      return JSON.stringify(await work.query(explain + sql, [workspaceId, 51]));
    });
    expect(plan).toContain('idx_sessions_ended');
    expect(plan).not.toMatch(/USE TEMP B-TREE|"Sort/);
  });
});
