import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SessionLifecycle } from '../../src/sessions/session-lifecycle.service.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

describe.each(DIALECTS)('sessions that go on, on %s', (dialect) => {
  let app: TestApp;
  let workspace: { id: string; path: string };

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'lives');
  });
  afterAll(() => app?.close());

  const create = async (fields: object): Promise<any> => {
    const body = { workspaceId: workspace.id, agent: 'demo', policy: 'allow-all', ...fields };
    const created = await app.call('POST', '/api/sessions', { body });
    expect(created).toMatchObject({ status: 201 });
    return created.body;
  };
  const get = (id: string) => () => app.call('GET', `/api/sessions/${id}`);
  const act = (id: string, what: string, body: object = {}, headers = {}) =>
    app.call('POST', `/api/sessions/${id}/${what}`, {
      ...(what === 'resume' || what === 'fork' || what === 'input' ? { body } : {}),
      headers,
    });
  const events = async (id: string): Promise<any[]> => (await app.call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items;
  const texts = async (id: string) =>
    (await events(id)).filter(({ type }) => type === 'message').map(({ payload }) => payload.content.map(({ text }: any) => text).join(''));
  const said = (id: string, text: string) => eventually(async () => (await texts(id)).includes(text), Boolean, 30_000);
  const isAlive = (pid: number) => existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

  it('are suspended in the middle of a turn and resumed, over HTTP', async () => {
    const { id } = await create({ prompt: 'say:hello\nslow:600' });
    await said(id, 'hello');
    await act(id, 'input', { content: 'recall:' });
    const pid = (await get(id)()).body.processId;
    expect(await act(id, 'suspend')).toMatchObject({ status: 200, body: { id, status: 'suspended', endReason: 'suspended by admin' } });
    expect(isAlive(pid)).toBe(false);
    expect(await act(id, 'input', { content: 'too early' })).toMatchObject({
      status: 409,
      body: { code: 'session_status', remedy: expect.stringContaining('resume') },
    });
    const waiting = await app.call('GET', `/api/sessions/${id}/inputs?state=accepted`);
    expect(waiting.body).toMatchObject({ items: [{ position: 2, state: 'accepted', by: 'admin' }], nextCursor: null });
    const resumed = await act(id, 'resume', {}, { 'idempotency-key': 'again' });
    expect(resumed).toMatchObject({ status: 200, body: { id, status: 'queued', lastResumedAt: expect.any(String) } });
    expect(await act(id, 'resume', {}, { 'idempotency-key': 'again' })).toMatchObject({ status: 200, body: resumed.body });
    await said(id, 'recall: say:hello\nslow:600');
    const page = await app.call('GET', `/api/sessions/${id}/inputs?limit=1`);
    const next = await app.call('GET', `/api/sessions/${id}/inputs?limit=1&cursor=${page.body.nextCursor}`);
    expect([page, next].map(({ body }) => [body.items[0].position, body.items[0].turn])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    await act(id, 'stop');
  });

  it('are suspended and resumed over the WebSocket, too', async () => {
    const client = await WsClient.connect(app.url, { key: app.key });
    const { id } = await create({ prompt: 'say:hello' });
    await untilStatus(get(id), 'idle');
    expect(await client.request({ type: 'session.suspend', sessionId: id })).toMatchObject({
      type: 'reply',
      data: { isDone: true, session: { status: 'suspended' } },
    });
    const frame = { type: 'session.resume', sessionId: id, strategy: 'new', prompt: 'recall:', idempotencyKey: 'once' };
    const { data } = await client.request(frame);
    expect(data.session).toMatchObject({ resumedFromId: id, status: 'queued' });
    expect(await client.request(frame)).toMatchObject({ replayed: true, data: { session: { id: data.session.id } } });
    const overHttp = await act(id, 'resume', { strategy: 'new', prompt: 'recall:' }, { 'idempotency-key': 'once' });
    expect(overHttp).toMatchObject({ status: 201, body: { id: data.session.id } });
    await said(data.session.id, 'recall: say:hello');
    const seen = await client.request({ type: 'subscribe', sessionId: data.session.id });
    expect(seen.type).toBe('reply');
    await client.until(() => client.events(data.session.id).some(({ type }: any) => type === 'agent_context'), 'the context');
    expect(client.events(data.session.id).map(({ seq }: any) => seq)).toEqual(client.events(data.session.id).map((_, index) => index + 1));
    await act(data.session.id, 'stop');
    await client.close();
  });

  it('go on as new ones when they have ended, and are found from both ends', async () => {
    writeFileSync(join(workspace.path, 'large.txt'), 'x'.repeat(100_000));
    const { id } = await create({ prompt: 'say:hello\nread:large.txt' });
    await untilStatus(get(id), 'idle');
    await act(id, 'stop');
    const resumed = await act(id, 'resume', { prompt: 'recall:' });
    expect(resumed).toMatchObject({ status: 201, body: { resumedFromId: id } });
    const other: string = resumed.body.id;
    expect(resumed.headers.get('location')).toBe(`/api/sessions/${other}`);
    await said(other, 'recall: say:hello\nread:large.txt');
    expect((await app.call('GET', `/api/sessions?resumedFromId=${id}`)).body.items).toMatchObject([{ id: other }]);
    const forked = await act(id, 'fork', { atSeq: 5, name: 'Branch' });
    expect(forked).toMatchObject({ status: 201, body: { forkedFromId: id, forkedAtSeq: 5, name: 'Branch', status: 'queued' } });
    expect((await app.call('GET', `/api/sessions?forkedFromId=${id}`)).body.items).toMatchObject([{ id: forked.body.id }]);
    const [, blob = ''] = /"blob":"([0-9a-f]{64})"/.exec(JSON.stringify(await events(other))) ?? [];
    expect((await app.call('DELETE', `/api/sessions/${id}`)).status).toBe(200);
    expect((await app.call('GET', `/api/sessions/${other}/blobs/${blob}`)).status).toBe(200);
    for (const each of [other, forked.body.id]) await act(each, 'stop');
  });

  it('refuse what can not be, and say what can', async () => {
    const lifecycle = app.get(SessionLifecycle);
    const idle = await create({ prompt: 'say:idle' });
    await untilStatus(get(idle.id), 'idle');
    const running = await create({ prompt: 'slow:600' });
    await untilStatus(get(running.id), 'running');
    const queued = await create({ launch: false });
    const suspended = await create({ launch: false });
    await act(suspended.id, 'suspend');
    const stopped = await create({ launch: false });
    await act(stopped.id, 'stop');
    const failed = await create({ prompt: 'fail:no' });
    await untilStatus(get(failed.id), 'failed');
    const external = (await app.call('POST', '/api/sessions', { body: { runtime: 'external' } })).body;
    const lost = await create({ launch: false });
    await lifecycle.claim(lost.id);
    await lifecycle.processGone(lost.id, 'lost', { reason: 'gone' });
    const refused = async ({ id }: any, what: string, body = {}) => {
      const answer = await act(id, what, body);
      return `${answer.status} ${answer.body.code ?? answer.body.status} ${answer.body.context?.possible?.join(',') ?? ''}`.trim();
    };
    const needsNone = '409 session_status input,suspend,stop,fork';
    expect(await refused(queued, 'resume')).toBe(needsNone);
    expect(await refused(idle, 'resume')).toBe(needsNone);
    expect(await refused(idle, 'resume', { strategy: 'new' })).toBe(needsNone);
    expect(await refused(running, 'resume', { agent: 'codex' })).toBe(needsNone);
    expect(await refused(external, 'resume')).toBe('409 not_supported fork');
    expect(await refused(external, 'suspend')).toBe('200 suspended');
    for (const each of [stopped, failed]) {
      expect(await refused(each, 'suspend')).toBe('409 illegal_move');
      expect(await refused(each, 'resume', { strategy: 'continue' })).toBe('409 session_status new');
      expect(await refused(each, 'input', { content: 'x' })).toBe('409 session_status resume');
    }
    for (const each of [suspended, lost]) {
      expect(await refused(each, 'input', { content: 'x' })).toBe('409 session_status resume');
      expect(await refused(each, 'interrupt')).toBe('409 session_status');
      expect(await refused(each, 'resume', { strategy: 'continue', agent: 'codex' })).toBe('400 invalid_input');
      expect(await refused(each, 'resume', { agent: 'nobody' })).toBe('400 unknown_agent');
      expect(await refused(each, 'resume', { strategy: 'sideways' })).toBe('400 invalid_input');
    }
    expect(await refused(lost, 'suspend')).toBe('200 suspended');
    for (const atSeq of [0, -1, 1.5, '1']) expect(await refused(idle, 'fork', { atSeq })).toBe('400 invalid_input');
    const { body } = await act(idle.id, 'fork', { atSeq: 10_000 });
    expect(body).toMatchObject({ code: 'fork_point', status: 409, context: { earliest: 1, last: (await events(idle.id)).at(-1).seq } });
    const turn = (await events(running.id)).find(({ type }) => type === 'turn').seq;
    expect((await act(running.id, 'fork', { atSeq: turn })).body).toMatchObject({ code: 'fork_point', context: { last: turn - 1 } });
    expect(await refused(external, 'fork', { atSeq: 1 })).toBe('409 not_supported');
    for (const { id } of [idle, running]) await act(id, 'stop');
  });

  it('keep to the one active session that a workspace allows', async () => {
    const post = (path: string, body: unknown) => app.call('POST', path, { body });
    const { id: workspaceId } = await makeWorkspace(post, app.database.dataDir, 'one-at-a-time');
    const first = await create({ workspaceId, launch: false });
    await act(first.id, 'suspend');
    await app.call('PATCH', `/api/workspaces/${workspaceId}`, { body: { maxActiveSessions: 1 } });
    const second = await create({ workspaceId, launch: false });
    for (const [what, body] of [
      ['resume', {}],
      ['resume', { strategy: 'new' }],
      ['fork', { atSeq: 1 }],
    ] as const)
      expect(await act(first.id, what, body)).toMatchObject({ status: 409, body: { code: 'workspace_busy' } });
    await act(second.id, 'suspend');
    expect((await act(first.id, 'resume')).status).toBe(200);
    await act(first.id, 'stop');
  });
});
