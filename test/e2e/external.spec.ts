import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';

describe.each(DIALECTS)('a session that somebody else reports on %s', (dialect) => {
  let app: TestApp;
  beforeAll(async () => void (app = await TestApp.start(dialect)));
  afterAll(() => app?.close());

  const report = async (fields: object = {}) =>
    (await app.call('POST', '/api/sessions', { body: { runtime: 'external', agentName: 'my-bot', ...fields } })).body;
  const append = (id: string, body: unknown) => app.call('POST', `/api/sessions/${id}/events`, { body });
  const read = async (id: string, query = '') => (await app.call('GET', `/api/sessions/${id}/events${query}`)).body;
  const log = (text: string, id?: string) => ({ ...(id ? { id } : {}), type: 'log', payload: { level: 'info', text } });

  it("is running at once, known by the reporter's own id, and that id is taken once", async () => {
    const session = await report({ externalId: 'build 47/11', projectDir: '/elsewhere' });
    expect(session).toMatchObject({
      status: 'running',
      origin: 'reported',
      runtime: 'external',
      agent: 'my-bot',
      externalId: 'build 47/11',
    });
    expect((await app.call('GET', `/api/sessions/ext:${encodeURIComponent('build 47/11')}`)).body.id).toBe(session.id);
    const again = await app.call('POST', '/api/sessions', { body: { runtime: 'external', externalId: 'build 47/11' } });
    expect(again).toMatchObject({ status: 409, body: { code: 'external_id_taken', context: { sessionId: session.id } } });
  });

  it('appends one or many, exactly once, with a result an item', async () => {
    const { id } = await report();
    const first = await append(id, log('a', 'e-a'));
    expect(first).toMatchObject({ status: 201, body: { id: 'e-a', duplicate: false } });
    expect((await append(id, log('a', 'e-a'))).body).toEqual({ ...first.body, duplicate: true });
    expect(await append(id, log('b', 'e-a'))).toMatchObject({ status: 409, body: { code: 'event_conflict' } });
    const batch = await append(id, {
      events: [log('b', 'e-b'), { type: 'status', payload: {} }, { type: 'log', payload: { level: 'info' } }, 'nonsense', log('c')],
    });
    expect(batch.status).toBe(200);
    expect(batch.body.results).toMatchObject([
      { id: 'e-b', seq: first.body.seq + 1 },
      { error: { code: 'invalid_event', status: 400 } },
      { error: { code: 'invalid_event' } },
      { error: { code: 'invalid_event' } },
      { seq: first.body.seq + 2 },
    ]);
  });

  it('is read forward, backward, by type and waiting', async () => {
    const { id, cursor: start } = await report();
    await append(id, {
      events: Array.from({ length: 25 }, (_, index) => (index % 5 ? log(`t${index}`) : { type: 'my.type', payload: { index } })),
    });
    const seen: number[] = [];
    let page = await read(id, `?after=${start}&limit=10`);
    for (;;) {
      seen.push(...page.items.map(({ seq }: any) => seq));
      if (!page.nextCursor) break;
      page = await read(id, `?after=${page.nextCursor}&limit=10`);
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => index + 2));
    const typed = await read(id, `?type=my.type&limit=3`);
    expect(typed.items.map(({ payload }: any) => payload.index)).toEqual([0, 5, 10]);
    const rest = await read(id, `?type=my.type&after=${typed.cursor}`);
    expect(rest.items.map(({ payload }: any) => payload.index)).toEqual([15, 20]);
    expect(rest.cursor).toBe(page.cursor);
    const last = await read(id, `?before=${page.cursor}&limit=3`);
    expect(last.items.map(({ seq }: any) => seq)).toEqual([23, 24, 25]);
    const before = await read(id, `?before=${last.previousCursor}&limit=3`);
    expect(before.items.map(({ seq }: any) => seq)).toEqual([20, 21, 22]);

    const waiting = read(id, `?after=${page.cursor}&wait=20`);
    await append(id, log('news'));
    expect((await waiting).items).toMatchObject([{ type: 'log', payload: { text: 'news' }, actor: 'admin', source: 'api' }]);
    const empty = await read(id, `?after=${(await waiting).cursor}&wait=1`);
    expect(empty).toMatchObject({ items: [], nextCursor: null });
  });

  it("refuses a cursor it can't read on from, with the earliest one", async () => {
    const { id, cursor } = await report();
    const epoch = cursor.split('.')[0];
    for (const bad of [`${epoch}.99`, 'ffffffff.1']) {
      const { status, body } = await app.call('GET', `/api/sessions/${id}/events?after=${bad}`);
      expect({ status, body }).toMatchObject({ status: 409, body: { code: 'resync_required', context: { earliest: `${epoch}.0` } } });
    }
    expect(await app.call('GET', `/api/sessions/${id}/events?after=nonsense`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    });
  });

  it('follows its reporter: turns, stop, and running again when it is heard', async () => {
    const { id } = await report();
    const status = async () => (await app.call('GET', `/api/sessions/${id}`)).body.status;
    await append(id, { type: 'turn', payload: { state: 'started' } });
    expect(await status()).toBe('running');
    await append(id, { id: 't-end', type: 'turn', payload: { state: 'completed', stopReason: 'end_turn' } });
    expect(await status()).toBe('idle');
    await append(id, log('still there'));
    expect(await status()).toBe('running');
    await append(id, { type: 'session_stop', payload: {} });
    expect(await status()).toBe('idle');
    expect((await append(id, { id: 't-end', type: 'turn', payload: { state: 'completed', stopReason: 'end_turn' } })).body).toMatchObject({
      duplicate: true,
    });
    expect(await app.call('POST', `/api/sessions/${id}/stop`)).toMatchObject({ status: 200, body: { status: 'stopped' } });
    expect(await append(id, log('late'))).toMatchObject({ status: 409, body: { code: 'session_ended' } });
    expect(await app.call('POST', `/api/sessions/${id}/input`, { body: { content: 'x' } })).toMatchObject({
      status: 409,
      body: { code: 'not_supported' },
    });
  });

  it('is woken by what is new only, also within a batch', async () => {
    const { id } = await report();
    const status = async () => (await app.call('GET', `/api/sessions/${id}`)).body.status;
    await append(id, log('first', 'known'));
    await append(id, { type: 'session_stop', payload: {} });
    for (const old of [log('first', 'known'), log('other', 'known'), { type: 'log', payload: {} }]) await append(id, old);
    expect(await status()).toBe('idle');
    await append(id, { events: [{ type: 'session_stop', payload: {} }, log('second')] });
    expect(await status()).toBe('running');
  });

  it('gets its own id once, however many ask at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, () => app.call('POST', '/api/sessions', { body: { runtime: 'external', externalId: 'wanted' } })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
  });

  it('is refused what no database could keep, and goes on', async () => {
    const { id } = await report();
    const raw = (text: string) =>
      app.call('POST', `/api/sessions/${id}/events`, { raw: text, headers: { 'content-type': 'application/json' } });
    for (const bad of [
      '{"type":"own","payload":{"n":1e400}}',
      '{"type":"own","id":"\\ud800","payload":{}}',
      '{"type":"turn","payload":{"state":"nonsense"}}',
      '{"type":"usage","payload":{"input":1e300}}',
      '{"type":"usage","payload":{"costUsd":1e308}}',
    ])
      expect([bad, await raw(bad)]).toMatchObject([bad, { status: 400, body: { code: expect.stringMatching(/^invalid_/) } }]);
    const stopReason = `${'x'.repeat(300)}\u0000`;
    expect(await append(id, { type: 'turn', payload: { state: 'started' } })).toMatchObject({ status: 201 });
    expect(await append(id, { type: 'turn', payload: { state: 'completed', stopReason } })).toMatchObject({ status: 201 });
    expect((await app.call('GET', `/api/sessions/${id}`)).body.status).toBe('idle');
  });

  it('shows in the feed, in the order of the commits', async () => {
    const before = (await app.call('GET', '/api/feed?limit=1000')).body.cursor;
    const waiting = app.call('GET', `/api/feed?after=${before}&wait=20`);
    const { id } = await report();
    expect((await waiting).body.items).toMatchObject([
      { name: 'session.created', sessionId: id, actor: 'admin', data: { status: 'running' } },
    ]);
    await app.call('POST', `/api/sessions/${id}/stop`);
    const { items } = (await app.call('GET', `/api/feed?after=${before}`)).body;
    expect(items.map(({ name }: any) => name)).toEqual(['session.created', 'session.status-changed']);
    expect(items[1].position).toBe(items[0].position + 1);
    expect(await app.call('GET', '/api/feed?after=ffffffff.1')).toMatchObject({ status: 409, body: { code: 'resync_required' } });
  });

  it('adds usage up and counts messages', async () => {
    const { id } = await report();
    await append(id, {
      events: [
        { type: 'usage', payload: { input: 10, output: 5, costUsd: 0.5 } },
        { type: 'usage', payload: { input: 1, cacheRead: 7, costUsd: 0.25 } },
        { type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text: 'All\n done' }] } },
      ],
    });
    expect((await app.call('GET', `/api/sessions/${id}`)).body).toMatchObject({
      usage: { input: 11, output: 5, cacheRead: 7, cacheWrite: 0, costUsd: 0.75 },
      messageCount: 1,
      lastMessagePreview: 'All done',
    });
  });
});
