import { mkdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join, resolve } from 'node:path';
import { Clock } from '../../src/core/clock.js';
import { Database } from '../../src/core/database/database.js';
import { Idempotency } from '../../src/core/idempotency/idempotency.service.js';
import { KEPT_MS } from '../../src/core/idempotency/idempotency.types.js';
import { IdempotencyKeysRepository } from '../../src/core/idempotency/persistence/idempotency-keys.repository.js';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { giveKey } from '../support/principals.js';
import { ServerProcess } from '../support/server-process.js';
import { WsClient } from '../support/ws-client.js';

interface Answer {
  readonly status: number;
  /** As it came. */
  readonly text: string;
  readonly body: any;
  readonly headers: Headers;
}

/** POSTs with a key; the text of the answer is kept, because it must be the same bytes. */
async function post(server: { url: string; key: string }, path: string, key: string | undefined, body: unknown, raw?: string) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.key}`,
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: raw ?? JSON.stringify(body),
  });
  const text = await response.text();
  const answer: Answer = { status: response.status, text, body: JSON.parse(text), headers: response.headers };
  return answer;
}

const isReplayed = ({ headers }: Answer) => headers.get('idempotency-replayed') === 'true';
let made = 0;
const newKey = () => `key ${++made}`;

describe.each(DIALECTS)('requests with an idempotency key on %s', (dialect) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => app.close());

  const create = (key: string | undefined, body: object = {}, as: { url: string; key: string } = app) =>
    post(as, '/api/sessions', key, { runtime: 'external', ...body });
  const sessionsNamed = async (name: string): Promise<any[]> =>
    (await app.call('GET', '/api/sessions?limit=200')).body.items.filter((each: any) => each.name === name);
  const createdEvents = async (name: string): Promise<any[]> =>
    (await app.get(Database).query<{ payload: string }>("select payload from outbox where name = 'session.created'")).filter(
      ({ payload }) => JSON.parse(payload).name === name,
    );
  const kept = async () => (await app.get(Database).query<{ id: string }>('select id from idempotency_keys')).length;
  const as = (key: string) => ({ url: app.url, key });

  it('get the first answer again, however the same body is written, and are carried out once', async () => {
    const key = newKey();
    const first = await create(key, { name: 'replayed', metadata: { b: 1, a: 2 } });
    expect([first.status, isReplayed(first), first.headers.get('location')]).toEqual([201, false, `/api/sessions/${first.body.id}`]);
    const raw = '{ "metadata": {"a": 2, "b": 1.0},\n "name": "replayed", "runtime": "external" }';
    for (const again of [
      await create(key, { name: 'replayed', metadata: { b: 1, a: 2 } }),
      await post(app, '/api/sessions', key, undefined, raw),
    ]) {
      expect(isReplayed(again)).toBe(true);
      expect([again.status, again.text]).toEqual([201, first.text]);
      for (const name of ['location', 'content-type']) expect(again.headers.get(name)).toBe(first.headers.get(name));
    }
    expect(await sessionsNamed('replayed')).toHaveLength(1);
    expect(await createdEvents('replayed')).toHaveLength(1);
    const other = await create(newKey(), { name: 'replayed', metadata: { b: 1, a: 2 } });
    expect(other.body.id).not.toBe(first.body.id);
  });

  it('look like those without: the same bytes but for what differs', async () => {
    const [plain, keyed] = [await create(undefined, { name: 'plain' }), await create(newKey(), { name: 'plain' })];
    const shape = ({ body }: Answer) => Object.keys(body);
    expect(shape(keyed)).toEqual(shape(plain));
    expect(keyed.headers.get('content-type')).toBe(plain.headers.get('content-type'));
    expect(plain.headers.has('idempotency-replayed')).toBe(false);
  });

  it('are refused with another body, on any transport, and the first stays as it was', async () => {
    const key = newKey();
    const first = await create(key, { name: 'one thing' });
    const other = await create(key, { name: 'another thing' });
    expect([other.status, other.body.code]).toEqual([409, 'idempotency_key_reused']);
    expect(other.headers.get('location')).toBeNull();
    const client = await WsClient.connect(app.url, { key: app.key });
    const frame = await client.request({ type: 'session.create', runtime: 'external', name: 'a third thing', idempotencyKey: key });
    expect(frame).toMatchObject({ type: 'error', code: 'idempotency_key_reused', status: 409 });
    await client.close();
    expect(await sessionsNamed('another thing')).toEqual([]);
    expect(await sessionsNamed('a third thing')).toEqual([]);
    expect((await create(key, { name: 'one thing' })).text).toBe(first.text);
  });

  it('20 equal ones at once make one session', async () => {
    const key = newKey();
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(key, { name: 'of twenty' })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 201));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter((each) => !isReplayed(each))).toHaveLength(1);
    expect(await sessionsNamed('of twenty')).toHaveLength(1);
    expect(await createdEvents('of twenty')).toHaveLength(1);
  });

  it('20 at once on both transports, with two bodies: one is carried out, and only its own repetitions are answered', async () => {
    const key = newKey();
    const client = await WsClient.connect(app.url, { key: app.key });
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const name = index % 2 ? 'odd one' : 'even one';
        if (index % 4 < 2) return (await create(key, { name })).body.id;
        const frame = await client.request({ type: 'session.create', runtime: 'external', name, idempotencyKey: key });
        return frame.data?.session.id;
      }),
    );
    const all = [...(await sessionsNamed('odd one')), ...(await sessionsNamed('even one'))];
    expect(all).toHaveLength(1);
    const winners = [0, 1].map((parity) => results.filter((_, index) => index % 2 === parity).map((id) => id === all[0].id));
    expect(winners.map((each) => new Set(each))).toEqual(
      all[0].name === 'even one' ? [new Set([true]), new Set([false])] : [new Set([false]), new Set([true])],
    );
    await client.close();
  });

  it('of others are others: by principal, by operation, by what they are sent to', async () => {
    const key = newKey();
    const [ada, bob] = [(await giveKey(app, { principalId: 'user:ada' })).secret, (await giveKey(app, { principalId: 'user:bob' })).secret];
    const [hers, his, ours] = [await create(key, {}, as(ada)), await create(key, {}, as(bob)), await create(key)];
    expect(new Set([hers.body.id, his.body.id, ours.body.id]).size).toBe(3);
    expect([hers.body.ownerId, his.body.ownerId, ours.body.ownerId]).toEqual(['user:ada', 'user:bob', 'admin']);
    expect((await create(key, {}, as(ada))).text).toBe(hers.text);
    const directory = join(app.database.dataDir, 'by-operation');
    mkdirSync(directory);
    expect((await post(app, '/api/workspaces', key, { path: directory })).status).toBe(201);
  });

  it('give nothing to a credential of the same principal that reaches elsewhere', async () => {
    const key = newKey();
    const wide = (await giveKey(app, { principalId: 'user:wide' })).secret;
    const same = (await giveKey(app, { principalId: 'user:wide' })).secret;
    const narrow = (await giveKey(app, { principalId: 'user:wide', scopes: ['sessions:create'] })).secret;
    const first = await create(key, { name: 'of the wide' }, as(wide));
    expect((await create(key, { name: 'of the wide' }, as(same))).text).toBe(first.text);
    const refused = await create(key, { name: 'of the wide' }, as(narrow));
    expect([refused.status, refused.body.code]).toEqual([409, 'idempotency_key_reused']);
    const reader = (await giveKey(app, { principalId: 'user:wide', scopes: ['sessions:read'] })).secret;
    expect((await create(key, { name: 'of the wide' }, as(reader))).status).toBe(403);
    expect(await sessionsNamed('of the wide')).toHaveLength(1);
  });

  it('get a conflict again, as it was', async () => {
    const taken = await create(undefined, { externalId: 'taken' });
    const key = newKey();
    const first = await create(key, { externalId: 'taken', name: 'late' });
    expect([first.status, first.body.code, isReplayed(first)]).toEqual([409, 'external_id_taken', false]);
    expect((await app.call('DELETE', `/api/sessions/${taken.body.id}?force=true`)).status).toBe(200);
    const again = await create(key, { externalId: 'taken', name: 'late' });
    expect([again.status, isReplayed(again), again.text]).toEqual([409, true, first.text]);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    const client = await WsClient.connect(app.url, { key: app.key });
    const command = { type: 'session.create', runtime: 'external', externalId: 'taken', name: 'late' };
    const { code, message, context } = await client.request({ ...command, idempotencyKey: key });
    expect({ code, message, context }).toEqual({ code: first.body.code, message: first.body.detail, context: first.body.context });
    await client.close();
    expect(await sessionsNamed('late')).toEqual([]);
    expect((await create(newKey(), { externalId: 'taken', name: 'late' })).status).toBe(201);
  });

  it('leave no trace of what was wrong with them: the key is good for the corrected one', async () => {
    const key = newKey();
    const before = await kept();
    for (const [body, status] of [
      [{ nonsense: true }, 400],
      [{ runtime: 'external', prompt: 'not for external ones' }, 400],
      [{ agent: 'no-such-agent', projectDir: app.database.dataDir }, 400],
      [{ runtime: 'external', workspaceId: 'no-such-workspace' }, 404],
    ] as const)
      expect((await post(app, '/api/sessions', key, body)).status).toBe(status);
    jest.spyOn(app.get(IdempotencyKeysRepository), 'add').mockRejectedValueOnce(new Error('the disk is full'));
    const failed = await create(key, { name: 'corrected' });
    expect([failed.status, failed.headers.get('location')]).toEqual([500, null]);
    expect(await sessionsNamed('corrected')).toEqual([]);
    expect(await kept()).toBe(before);
    const right = await create(key, { name: 'corrected' });
    expect([right.status, isReplayed(right)]).toEqual([201, false]);
    expect(await sessionsNamed('corrected')).toHaveLength(1);
  });

  it('are refused where the key is none', async () => {
    const statusOf = (headers: Record<string, string | string[]>): Promise<[number, string]> =>
      new Promise((done, failed) => {
        const request = httpRequest(`${app.url}/api/sessions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/json', ...headers },
        });
        request.on('response', (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => done([response.statusCode ?? 0, JSON.parse(text).code]));
        });
        request.on('error', failed).end('{"runtime":"external","name":"no key"}');
      });
    for (const bad of ['', 'x'.repeat(256), 'café', 'a\tb', ['one', 'two']])
      expect([bad, ...(await statusOf({ 'Idempotency-Key': bad }))]).toEqual([bad, 400, 'invalid_input']);
    const client = await WsClient.connect(app.url, { key: app.key });
    for (const bad of ['', 'x'.repeat(256), 'café', 'a\nb', 7, null]) {
      const frame = await client.request({ type: 'session.create', runtime: 'external', name: 'no key', idempotencyKey: bad });
      expect([bad, frame.code]).toEqual([bad, 'invalid_input']);
    }
    await client.close();
    expect(await sessionsNamed('no key')).toEqual([]);
    for (const good of ['x'.repeat(255), '~ !"#%', 'two, three']) expect((await statusOf({ 'Idempotency-Key': good }))[0]).toBe(201);
  });

  it('make one workspace, with its ETag, and one input', async () => {
    const path = join(app.database.dataDir, 'once');
    mkdirSync(path);
    const key = newKey();
    const [workspace, sameWorkspace] = [
      await post(app, '/api/workspaces', key, { path }),
      await post(app, '/api/workspaces', key, { path }),
    ];
    expect([workspace.status, sameWorkspace.status, sameWorkspace.text]).toEqual([201, 201, workspace.text]);
    for (const name of ['etag', 'location']) expect(sameWorkspace.headers.get(name)).toBe(workspace.headers.get(name));

    const queued = { workspaceId: workspace.body.id, agent: 'demo', launch: false };
    const [one, two] = [
      (await create(undefined, { ...queued, runtime: undefined })).body,
      (await post(app, '/api/sessions', undefined, queued)).body,
    ];
    const inputsOf = async (id: string) =>
      (await app.call('GET', `/api/sessions/${id}/events?type=input`)).body.items.map(({ payload }: any) => payload.inputId);
    // So that no agent takes them.
    await app.call('POST', `/api/sessions/${two.id}/stop`);
    const content = 'say:once';
    const [first, again] = [await input(one.id), await input(one.id)];
    expect([first.status, again.status, again.text, isReplayed(again)]).toEqual([202, 202, first.text, true]);
    expect(await inputsOf(one.id)).toEqual([first.body.inputId]);
    // The same key sent to another session is another request; what that session refused it refuses again.
    const [refused, refusedAgain] = [await input(two.id), await input(two.id)];
    expect([refused.status, refusedAgain.status, refusedAgain.text]).toEqual([409, 409, refused.text]);

    function input(id: string) {
      return post(app, `/api/sessions/${id}/input`, key, { content });
    }
  });

  it('make one key and rotate it once; the secret comes again, and is readable nowhere', async () => {
    const [key, rotation] = [newKey(), newKey()];
    const body = { name: 'given once', principalId: 'user:once' };
    const [first, again] = [await post(app, '/api/keys', key, body), await post(app, '/api/keys', key, body)];
    expect([first.status, again.status, again.text, isReplayed(again)]).toEqual([201, 201, first.text, true]);
    expect(again.headers.get('cache-control')).toBe('no-store');
    const path = `/api/keys/${first.body.id}/rotate`;
    const [rotated, rotatedAgain] = [await post(app, path, rotation, {}), await post(app, path, rotation, {})];
    expect([rotated.status, rotatedAgain.status, rotatedAgain.text]).toEqual([201, 201, rotated.text]);
    expect((await app.call('GET', '/api/me', { key: rotated.body.secret })).body.id).toBe('user:once');
    const rows = await app.get(Database).query<{ operation: string; body: string }>('select * from idempotency_keys');
    const text = JSON.stringify(rows);
    expect(rows.map(({ operation }) => operation)).toEqual(expect.arrayContaining(['createKey', 'rotateKey']));
    for (const { secret } of [first.body, rotated.body]) expect(text).not.toContain(secret.slice(0, 20));
    // Another credential of the same reach can't open it, and makes no second one.
    const [one, two] = [(await giveKey(app, { principalId: 'user:own' })).secret, (await giveKey(app, { principalId: 'user:own' })).secret];
    const own = { name: 'for myself' };
    expect((await post(as(one), '/api/keys', key, own)).status).toBe(201);
    const refused = await post(as(two), '/api/keys', key, own);
    expect([refused.status, refused.body.code]).toEqual([409, 'idempotency_key_reused']);
    expect((await app.call('GET', '/api/keys', { key: one })).body.items.filter(({ name }: any) => name === 'for myself')).toHaveLength(1);
  });

  it('are forgotten after 24 hours', async () => {
    const key = newKey();
    const first = await create(key, { name: 'a day' });
    const start = Date.now();
    const at = (ms: number) => {
      jest.restoreAllMocks();
      jest.spyOn(app.get(Clock), 'nowMs').mockReturnValue(start + ms);
      jest.spyOn(app.get(Clock), 'nowIso').mockReturnValue(new Date(start + ms).toISOString());
    };
    at(KEPT_MS - 60_000);
    await app.get(Idempotency).sweep();
    expect((await create(key, { name: 'a day' })).text).toBe(first.text);
    at(KEPT_MS + 1);
    const second = await create(key, { name: 'a day' });
    expect([second.status, isReplayed(second), second.body.id === first.body.id]).toEqual([201, false, false]);
    expect((await create(key, { name: 'a day' })).text).toBe(second.text);
    expect(await kept()).toBeGreaterThan(1);
    await app.get(Idempotency).sweep();
    expect(await kept()).toBe(1);
    at(2 * KEPT_MS + 2);
    await app.get(Idempotency).sweep();
    expect(await kept()).toBe(0);
  });

  it('get the answer of another server that was faster, and what was begun here is undone', async () => {
    const key = newKey();
    const first = await create(key, { name: 'of two servers' });
    // As when both looked before either had written.
    jest.spyOn(app.get(IdempotencyKeysRepository), 'find').mockResolvedValueOnce(null);
    const second = await create(key, { name: 'of two servers' });
    expect([second.status, isReplayed(second), second.text]).toEqual([201, true, first.text]);
    expect(await sessionsNamed('of two servers')).toHaveLength(1);
    expect(await createdEvents('of two servers')).toHaveLength(1);
  });

  it('may be sent over HTTP and WebSocket, with one result', async () => {
    const client = await WsClient.connect(app.url, { key: app.key });
    const [key, other] = [newKey(), newKey()];
    const command = { type: 'session.create', runtime: 'external', name: 'by frame' };
    const frame = await client.request({ ...command, idempotencyKey: key });
    const again = await client.request({ ...command, idempotencyKey: key });
    expect([frame.replayed, again.replayed, again.data]).toEqual([undefined, true, frame.data]);
    const http = await create(key, { name: 'by frame' });
    expect([http.status, http.body, isReplayed(http)]).toEqual([201, frame.data.session, true]);
    expect(http.headers.get('location')).toBe(`/api/sessions/${http.body.id}`);
    const first = await create(other, { name: 'by request' });
    const byFrame = await client.request({ ...command, name: 'by request', idempotencyKey: other });
    expect([byFrame.replayed, byFrame.data.session]).toEqual([true, first.body]);
    for (const name of ['by frame', 'by request']) expect(await sessionsNamed(name)).toHaveLength(1);

    const path = join(app.database.dataDir, 'by-frame');
    mkdirSync(path);
    const workspace = (await post(app, '/api/workspaces', undefined, { path })).body;
    const queued = (await post(app, '/api/sessions', undefined, { workspaceId: workspace.id, agent: 'demo', launch: false })).body;
    const input = { type: 'session.input', sessionId: queued.id, content: 'say:once', idempotencyKey: key };
    const inputs = await Promise.all(Array.from({ length: 5 }, () => client.request(input)));
    expect(new Set(inputs.map(({ data }) => data.inputId)).size).toBe(1);
    const overHttp = await post(app, `/api/sessions/${queued.id}/input`, key, { content: 'say:once' });
    expect([overHttp.status, overHttp.body]).toEqual([202, inputs[0]?.data]);
    await client.close();
  });

  it('append as ever: events have ids for that', async () => {
    const session = (await create(undefined)).body;
    const event = { type: 'log', payload: { level: 'info', text: 'again' } };
    const before = await kept();
    const results = [1, 2].map(() => post(app, `/api/sessions/${session.id}/events`, 'one key', event));
    expect(new Set((await Promise.all(results)).map(({ body }) => body.seq)).size).toBe(2);
    expect(await kept()).toBe(before);
  });
});

describe.each(DIALECTS)('a server killed between commit and answer on %s', (dialect) => {
  let database: TestDatabase;
  let server: ServerProcess;

  beforeAll(async () => void (database = await createDatabase(dialect)));
  afterAll(async () => {
    await server?.end();
    await database.drop();
  });

  const startToDie = (mark: string) =>
    ServerProcess.start({
      ...database.environment,
      NODE_OPTIONS: `--require=${resolve(__dirname, '../support/die-before-answer.cjs')}`,
      MUSTER_TEST_DIE_AT: mark,
    });
  const died = async () => {
    await server.end();
    expect(server.child.signalCode).toBe('SIGKILL');
  };
  const all = async (): Promise<any[]> => (await server.call('GET', '/api/sessions?limit=200')).body.items;

  it('gives the answer that nobody heard to the same request, and has done it once', async () => {
    const body = { runtime: 'external', name: 'over HTTP', metadata: { attempt: 1 } };
    server = await startToDie('HTTP/1.1 201');
    await expect(post(server, '/api/sessions', 'over HTTP', body)).rejects.toThrow();
    await died();
    server = await ServerProcess.start(database.environment);
    expect((await all()).map(({ name }) => name)).toEqual(['over HTTP']);
    const answer = await post(server, '/api/sessions', 'over HTTP', body);
    expect([answer.status, isReplayed(answer)]).toEqual([201, true]);
    expect(await all()).toEqual([answer.body]);
    const feed = (await server.call('GET', '/api/feed?limit=1000')).body.items;
    expect(feed.filter(({ name }: any) => name === 'session.created')).toHaveLength(1);
    await server.end();
  }, 60_000);

  it('does so over the WebSocket', async () => {
    const command = { type: 'session.create', runtime: 'external', name: 'over WebSocket', idempotencyKey: 'over WebSocket' };
    server = await startToDie('"type":"reply"');
    const client = await WsClient.connect(server.url, { key: server.key });
    client.send({ ...command, id: 1 });
    await client.untilClosed();
    await died();
    expect(client.frames.map(({ type }) => type)).toEqual(['hello']);
    server = await ServerProcess.start(database.environment);
    const again = await WsClient.connect(server.url, { key: server.key });
    const reply = await again.request(command);
    expect(reply).toMatchObject({ type: 'reply', replayed: true });
    expect((await all()).filter(({ name }) => name === 'over WebSocket')).toEqual([reply.data.session]);
    await again.close();
    await server.end();
  }, 60_000);

  it('does so for a key with a secret, which was readable to nobody in between', async () => {
    const body = { name: 'unheard of', principalId: 'user:ada' };
    server = await startToDie('HTTP/1.1 201');
    await expect(post(server, '/api/keys', 'a key', body)).rejects.toThrow();
    await died();
    server = await ServerProcess.start(database.environment);
    const answer = await post(server, '/api/keys', 'a key', body);
    expect([answer.status, isReplayed(answer)]).toEqual([201, true]);
    expect((await server.call('GET', '/api/keys')).body.items).toHaveLength(1);
    const me = await fetch(`${server.url}/api/me`, { headers: { authorization: `Bearer ${answer.body.secret}` } });
    expect(await me.json()).toMatchObject({ id: 'user:ada' });
  }, 60_000);
});
