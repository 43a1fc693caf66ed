import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { agentToken, giveKey, setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';

const NONE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, costUsd: 0 };
const usage = (id: string, day: string, payload: object, turn?: number) => ({
  id,
  type: 'usage',
  occurredAt: `${day}T12:00:00Z`,
  payload,
  turn,
});
const turn = (state: string) => ({ type: 'turn', payload: { state } });

describe.each(DIALECTS)('usage on %s', (dialect) => {
  let app: TestApp;
  let workspaceId: string;
  let [one, two, own] = ['', '', ''];
  const keys: Record<string, string> = {};

  const report = async (body: object, key?: string): Promise<string> =>
    (await app.call('POST', '/api/sessions', { body: { runtime: 'external', ...body }, ...(key === undefined ? {} : { key }) })).body.id;
  const append = async (id: string, events: object[]): Promise<void> => {
    const { body } = await app.call('POST', `/api/sessions/${id}/events`, { body: { events } });
    expect(body.results.filter((each: any) => each.error)).toEqual([]);
  };
  const sums = async (query: string, key?: string): Promise<any> =>
    (await app.call('GET', `/api/usage${query}`, key === undefined ? {} : { key })).body;
  const inputs = async (query: string, key?: string) =>
    Object.fromEntries((await sums(query, key)).items.map((each: any) => [String(each.key), each.input]));

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    for (const name of ['ada', 'ben', 'dan']) keys[name] = (await giveKey(app, { principalId: `user:${name}` })).secret;
    workspaceId = (await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'w')).id;
    await setMember(app, workspaceId, 'user:ben', 'viewer');
    [one, two] = [await report({ workspaceId, agentName: 'bot' }), await report({ workspaceId, agentName: 'other', model: 'm1' })];
    own = await report({ agentName: 'bot' }, keys.ada);
    await append(one, [
      turn('started'),
      usage('a', '2026-11-01', { input: 1, output: 10, model: 'm1' }, 1),
      usage('b', '2026-11-01', { input: 2, costUsd: 0.5, model: 'm2' }, 1),
      usage('window', '2026-11-01', { context: { used: 5, size: 9 } }),
      turn('completed'),
      turn('started'),
      usage('c', '2026-11-02', { input: 4, cacheRead: 3, cacheWrite: 2, model: 'm1' }, 2),
      usage('d', '2026-11-02', { input: 8, costUsd: 0.25, model: 'm1' }, 2),
    ]);
    await append(two, [usage('a', '2026-11-02', { input: 16 })]);
    await append(own, [usage('a', '2026-11-03', { input: 32 })]);
  });
  afterAll(() => app.close());

  it('is summed by day, workspace, session, agent, model and turn', async () => {
    expect(await sums('')).toEqual({
      groupBy: 'day',
      items: [
        { key: '2026-11-01', ...NONE, input: 3, output: 10, costUsd: 0.5 },
        { key: '2026-11-02', ...NONE, input: 28, cacheRead: 3, cacheWrite: 2, costUsd: 0.25 },
        { key: '2026-11-03', ...NONE, input: 32 },
      ],
      total: { input: 63, output: 10, cacheRead: 3, cacheWrite: 2, costUsd: 0.75 },
      nextCursor: null,
    });
    expect(await inputs('?groupBy=workspace')).toEqual({ null: 32, [workspaceId]: 31 });
    expect(await inputs('?groupBy=session')).toEqual({ [one]: 15, [two]: 16, [own]: 32 });
    expect(await inputs('?groupBy=agent')).toEqual({ bot: 47, other: 16 });
    expect(await inputs('?groupBy=model')).toEqual({ null: 32, m1: 29, m2: 2 });
    expect((await sums(`?groupBy=turn&sessionId=${one}`)).items.map(({ key, input }: any) => [key, input])).toEqual([
      [1, 3],
      [2, 12],
    ]);
  });

  it('is narrowed by days, workspace and session', async () => {
    expect(await inputs('?from=2026-11-02&to=2026-11-02')).toEqual({ '2026-11-02': 28 });
    expect(await inputs(`?workspaceId=${workspaceId}&from=2026-11-02`)).toEqual({ '2026-11-02': 28 });
    expect((await sums(`?sessionId=${two}`)).total).toEqual({ ...NONE, input: 16 });
    expect(await sums('?workspaceId=none')).toEqual({ groupBy: 'day', items: [], total: NONE, nextCursor: null });
  });

  it('is shown to those who may see what it was spent on', async () => {
    expect((await sums('', keys.ada)).total.input).toBe(32);
    expect((await sums('', keys.ben)).total.input).toBe(31);
    expect((await sums('', keys.dan)).total).toEqual(NONE);
    expect((await sums(`?workspaceId=${workspaceId}`, keys.dan)).total).toEqual(NONE);
    expect((await sums(`?sessionId=${own}`, keys.ben)).total).toEqual(NONE);
    expect(await inputs('?groupBy=session', await agentToken(app, one))).toEqual({ [one]: 15 });
    const limited = await giveKey(app, { principalId: 'user:ben', workspaceIds: [workspaceId] });
    expect((await sums('', limited.secret)).total.input).toBe(31);
  });

  it('is paged by its keys, and says what it does not understand', async () => {
    const first = await sums('?limit=2');
    const second = await sums(`?limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ key }: any) => key)).toEqual(['2026-11-01', '2026-11-02', '2026-11-03']);
    expect([second.nextCursor, second.total.input]).toEqual([null, 63]);
    for (const query of [
      '?groupBy=mood',
      '?groupBy=turn',
      '?from=yesterday',
      '?to=2026-13-01',
      '?cursor=x',
      `?groupBy=agent&cursor=${first.nextCursor}`,
    ])
      expect([query, (await sums(query)).code]).toEqual([query, 'invalid_input']);
  });

  it('counts an event once, however often it is sent, and in its own session only', async () => {
    const id = await report({ workspaceId });
    const events = [usage('x', '2026-12-01', { input: 5, model: 'm\u0000' }), usage('y', '2026-12-01', { output: 7 })];
    await append(id, events);
    await Promise.all([append(id, events), append(id, events)]);
    expect((await sums(`?sessionId=${id}`)).total).toEqual({ ...NONE, input: 5, output: 7 });
    expect((await app.call('GET', `/api/sessions/${id}`)).body.usage).toEqual({ ...NONE, input: 5, output: 7 });
    const child = await report({ workspaceId });
    await app.get(UnitOfWork).run((work) => work.query('update sessions set resumed_from_id = ? where id = ?', [id, child]));
    await append(child, [usage('x', '2026-12-01', { input: 1 })]);
    expect(await inputs('?groupBy=session&from=2026-12-01')).toEqual({ [id]: 5, [child]: 1 });
  });

  it('stays counted when its session is deleted', async () => {
    const id = await report({ workspaceId });
    await append(id, [usage('x', '2027-01-01', { input: 3 })]);
    expect((await app.call('DELETE', `/api/sessions/${id}?force=true`)).status).toBe(200);
    expect(await inputs('?from=2027-01-01', keys.ben)).toEqual({ '2027-01-01': 3 });
  });
});
