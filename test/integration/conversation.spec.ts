import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { giveKey } from '../support/principals.js';
import { RetentionSweeper } from '../../src/sessions/retention-sweeper.service.js';
import { makeWorkspace } from '../support/sessions.js';

const text = (words: string) => [{ type: 'text', text: words }];
const message = (role: string, words: string) => ({ type: 'message', payload: { role, content: text(words) } });
const log = (words: string) => ({ type: 'log', payload: { level: 'info', text: words } });
const call = (toolCallId: string, more: object = {}) => ({
  type: 'tool_call',
  payload: { toolCallId, title: `Run ${toolCallId}`, kind: 'execute', status: 'pending', locations: [], content: [], ...more },
});
const update = (toolCallId: string, more: object) => ({ type: 'tool_update', payload: { toolCallId, ...more } });
const shown = (words: string) => [{ type: 'content', content: { type: 'text', text: words } }];

describe.each(DIALECTS)('conversations on %s', (dialect) => {
  let app: TestApp;
  beforeAll(async () => void (app = await TestApp.start(dialect)));
  afterAll(() => app.close());

  const session = async (more: object = {}): Promise<string> => {
    const { status, body } = await app.call('POST', '/api/sessions', { body: { runtime: 'external', ...more } });
    expect(status).toBe(201);
    return body.id;
  };
  const append = async (id: string, events: object[]): Promise<void> => {
    for (let at = 0; at < events.length; at += 1_000) {
      const { body } = await app.call('POST', `/api/sessions/${id}/events`, { body: { events: events.slice(at, at + 1_000) } });
      expect(body.results.filter((each: any) => each.error)).toEqual([]);
    }
  };
  const read = async (id: string, what: string, query = ''): Promise<any> => {
    const { status, body } = await app.call('GET', `/api/sessions/${id}/${what}${query}`);
    expect([status, body.code]).toEqual([200, undefined]);
    return body;
  };
  /** All items, page by page, in the order of the log; each page is checked to be no larger than asked for. */
  const readAll = async (id: string, what: string, limit: number, isBackward = false): Promise<any[]> => {
    const items: any[] = [];
    let query: string | null = isBackward ? 'tail=true' : 'after=0';
    while (query !== null) {
      const page = await read(id, what, `?limit=${limit}&${query}`);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      if (isBackward) items.unshift(...page.items);
      else items.push(...page.items);
      const next: string | null = isBackward ? page.previousCursor : page.nextCursor;
      query = next && `${isBackward ? 'before' : 'after'}=${next}`;
    }
    return items;
  };

  it('shows everything in one order, and each tool call once with all that was heard of it', async () => {
    const id = await session();
    await append(id, [
      message('user', 'go on'),
      { type: 'thought', payload: { content: text('hm') } },
      call('a', { rawInput: { command: 'ls' } }),
      call('b'),
      update('a', { status: 'in_progress', content: shown('one') }),
      log('between'),
      { type: 'usage', payload: { input: 1 } },
      { type: 'my.own', payload: {} },
      update('b', { status: 'failed' }),
      { type: 'file_change', payload: { path: 'a.txt', change: 'added' } },
      message('assistant', 'done'),
      update('a', { status: 'completed', title: 'Listed', content: shown('two'), rawOutput: { code: 0 } }),
      update('never announced', { status: 'completed' }),
    ]);
    const { items, nextCursor, previousCursor } = await read(id, 'full-conversation');
    expect([nextCursor, previousCursor]).toEqual([null, null]);
    const types = ['status', 'message', 'thought', 'tool_call', 'tool_call', 'log', 'file_change', 'message', 'tool_call'];
    expect(items.map(({ type }: any) => type)).toEqual(types);
    expect(items.map(({ seq }: any) => seq)).toEqual([1, 2, 3, 4, 5, 7, 11, 12, 14]);
    expect(items[3]).toMatchObject({
      seq: 4,
      updatedSeq: 13,
      payload: {
        toolCallId: 'a',
        title: 'Listed',
        kind: 'execute',
        status: 'completed',
        rawInput: { command: 'ls' },
        rawOutput: { code: 0 },
        content: shown('two'),
      },
    });
    expect(items[4]).toMatchObject({ seq: 5, updatedSeq: 10, payload: { toolCallId: 'b', status: 'failed', title: 'Run b' } });
    expect(items[8]).toMatchObject({ seq: 14, payload: { toolCallId: 'never announced', title: 'never announced', status: 'completed' } });
    expect((await read(id, 'history')).items.map(({ role, text }: any) => [role, text])).toEqual([
      ['user', 'go on'],
      ['assistant', 'done'],
    ]);
  });

  it('pages both ways with the same items, whatever the size of a page, also where a call ends far behind its page', async () => {
    const id = await session();
    const events = Array.from({ length: 120 }, (_, n) => [call(`c${n}`), log(`l${n}`), update(`c${n}`, { status: 'in_progress' })]).flat();
    await append(id, [...events, ...Array.from({ length: 120 }, (_, n) => update(`c${n}`, { status: 'completed' }))]);
    const all = await readAll(id, 'full-conversation', 200);
    expect(all).toHaveLength(241);
    expect(all.filter(({ type }) => type === 'tool_call').every(({ payload }) => payload.status === 'completed')).toBe(true);
    for (const limit of [1, 7, 100]) {
      expect(await readAll(id, 'full-conversation', limit)).toEqual(all);
      expect(await readAll(id, 'full-conversation', limit, true)).toEqual(all);
    }
    const middle = await read(id, 'full-conversation', `?limit=5&after=${(await read(id, 'full-conversation', '?limit=50')).nextCursor}`);
    const before = await read(id, 'full-conversation', `?limit=5&before=${middle.previousCursor}`);
    expect([...before.items, ...middle.items]).toEqual(all.slice(45, 55));
    expect(before.nextCursor).toBe((await read(id, 'full-conversation', '?limit=50')).cursor);
  });

  it('gives a short page behind a long run of what is not shown, and comes to the end', async () => {
    const id = await session();
    await append(id, [call('long'), ...Array.from({ length: 2_500 }, (_, n) => update('long', { content: shown(`${n}`) }))]);
    await append(id, [message('assistant', 'after all')]);
    const first = await read(id, 'full-conversation', '?limit=10');
    expect(first.items.map(({ type }: any) => type)).toEqual(['status', 'tool_call']);
    expect(first.nextCursor).toMatch(/\.1000$/);
    expect(first.items[1].payload.content).toEqual(shown('2499'));
    expect((await readAll(id, 'full-conversation', 10)).map(({ type }) => type)).toEqual(['status', 'tool_call', 'message']);
    expect((await read(id, 'history', '?limit=10')).items).toHaveLength(1);
  });

  it('shows prompts as messages, and the note that one may not have arrived not again', async () => {
    const { path } = await makeWorkspace((to, body) => app.call('POST', to, { body }), app.database.dataDir, 'prompts');
    const body = { agent: 'demo', projectDir: path, launch: false, prompt: 'say:hi' };
    const { id } = (await app.call('POST', '/api/sessions', { body })).body;
    const { items } = await read(id, 'full-conversation');
    expect(items[1]).toMatchObject({ type: 'message', payload: { role: 'user', content: text('say:hi') } });
    expect((await read(id, 'history')).items).toMatchObject([
      { role: 'user', text: 'say:hi', inputId: expect.any(String), isTruncated: false },
    ]);
  });

  it('refuses cursors that are none, or contradict each other', async () => {
    const id = await session();
    for (const [query, status, code] of [
      ['after=x', 400, 'invalid_input'],
      ['before=1', 400, 'invalid_input'],
      ['limit=0', 400, 'invalid_input'],
      ['tail=true&after=0', 400, 'invalid_input'],
      ['after=00000000.1', 409, 'resync_required'],
    ] as const)
      for (const what of ['full-conversation', 'history'])
        expect([query, await app.call('GET', `/api/sessions/${id}/${what}?${query}`)]).toMatchObject([query, { status, body: { code } }]);
    const { secret } = await giveKey(app, { principalId: 'user:nobody' });
    for (const what of ['full-conversation', 'history', 'result', 'status'])
      expect((await app.call('GET', `/api/sessions/${id}/${what}`, { key: secret })).body.code).toBe('session_not_found');
  });

  it('gives the last text of the agent, whole, once it rests', async () => {
    const id = await session();
    const result = () => app.call('GET', `/api/sessions/${id}/result`);
    expect(await result()).toMatchObject({ status: 409, body: { code: 'session_status', remedy: expect.stringContaining('wait') } });
    await append(id, [{ type: 'session_stop', payload: {} }]);
    expect(await result()).toMatchObject({ status: 404, body: { code: 'result_not_found' } });
    const long = 'x'.repeat(100_000);
    await append(id, [message('assistant', 'first'), message('assistant', long), log('behind'), message('user', 'thanks')]);
    await append(id, [{ type: 'session_stop', payload: {} }]);
    expect((await result()).body).toMatchObject({ sessionId: id, status: 'idle', text: long, content: text(long) });
    await app.call('POST', `/api/sessions/${id}/stop`);
    expect((await result()).body).toMatchObject({ status: 'stopped', text: long });
    expect((await read(id, 'status')).status).toBe('stopped');
  });

  it('goes on with what retention has kept', async () => {
    const { id: workspaceId } = await makeWorkspace((to, body) => app.call('POST', to, { body }), app.database.dataDir, 'kept');
    const id = await session({ workspaceId });
    const turn = (state: string) => ({ type: 'turn', payload: { state } });
    await append(id, [turn('started'), call('old'), message('assistant', 'old'), turn('completed')]);
    await append(id, [turn('started'), update('old', { status: 'completed' }), turn('completed')]);
    await app.call('PATCH', `/api/workspaces/${workspaceId}`, { body: { retention: { maxEvents: 4 } } });
    await app.get(RetentionSweeper).sweep();
    expect((await read(id, 'full-conversation')).items.map(({ type }: any) => type)).toEqual(['status', 'tool_call', 'status']);
    expect((await read(id, 'history')).items).toEqual([]);
    expect(await app.call('GET', `/api/sessions/${id}/result`)).toMatchObject({ status: 404, body: { code: 'result_not_found' } });
  });

  it('looks at no more of a log of 100,000 events than of one of 1,000', async () => {
    const [short, long] = [await session(), await session()];
    const grow = (id: string, length: number) =>
      app.get(UnitOfWork).run(async (work) => {
        const isPostgres = dialect === 'postgres';
        const numbers = isPostgres
          ? 'select n from generate_series(2, ?::integer) as g(n)'
          : 'with recursive g(n) as (values (2) union all select n + 1 from g where n < ?) select n from g';
        const kind = `case n % 4 when 0 then 'message' when 1 then 'log' when 2 then 'tool_call' else 'tool_update' end`;
        const payload = `case n % 4 when 0 then '{"role":"assistant","content":[]}' when 1 then '{"level":"info","text":"x"}'
          else '{"toolCallId":"' || (n / 4) || '","title":"t","kind":"k","status":"pending","locations":[],"content":[]}' end`;
        await work.query(
          `insert into session_events (session_id, seq, id, type, source, actor, occurred_at, recorded_at, hash, payload)
           select cast(? as varchar(64)), n, 'e' || n, ${kind}, 'api', 'me', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'h', ${payload} from (${numbers}) as s`,
          [id, length],
        );
        await work.query(
          `insert into tool_events (session_id, seq, call_key) select session_id, seq, 'k' || (seq / 4) from session_events
           where session_id = ? and type in ('tool_call', 'tool_update')`,
          [id],
        );
        await work.query('update session_heads set last_seq = ? where session_id = ?', [length, id]);
      });
    await grow(short, 1_000);
    await grow(long, 100_000);
    for (const what of ['full-conversation', 'history'])
      for (const query of ['?limit=100', '?limit=100&tail=true'])
        for (const id of [short, long]) {
          const { statements, page } = await watched(() => read(id, what, query));
          expect([what, query, page.items.length]).toEqual([what, query, 100]);
          const windows = statements.filter(({ sql }) => sql.includes('seq >= ?'));
          expect(windows.length).toBeGreaterThan(0);
          // session, from, to: never more than a window of numbers is asked for.
          for (const { parameters } of windows) expect(Number(parameters[2]) - Number(parameters[1])).toBeLessThan(1_000);
          expect(statements.length).toBeLessThan(10);
        }
    const plan = await explained(long);
    expect(plan).toContain('idx_session_events_messages');
    expect(plan).not.toMatch(/SCAN e\b|Seq Scan/);
  });

  /** The statements that reads run meanwhile. */
  async function watched(act: () => Promise<any>): Promise<{ page: any; statements: { sql: string; parameters: readonly unknown[] }[] }> {
    const statements: { sql: string; parameters: readonly unknown[] }[] = [];
    const database = app.get(Database);
    const spy = jest.spyOn(database, 'query').mockImplementation((sql, parameters = []) => {
      statements.push({ sql, parameters });
      return Database.prototype.query.call(database, sql, parameters);
    });
    const page = await act();
    spy.mockRestore();
    return { page, statements };
  }

  async function explained(id: string): Promise<string> {
    if (dialect === 'postgres') await app.get(Database).writer.query('analyze session_events');
    const sql = `select seq from session_events e where e.session_id = ? and e.seq >= ? and e.seq <= ? and e.payload is not null
      and e.type in ('message', 'input') order by e.seq asc limit ?`;
    const rows = await app.get(Database).query((dialect === 'postgres' ? 'explain ' : 'explain query plan ') + sql, [id, 1, 64_000, 101]);
    return JSON.stringify(rows);
  }
});
