import { connect } from 'node:net';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { NAUGHTY_STRINGS } from '../support/naughty-strings.js';
import { makeWorkspace } from '../support/sessions.js';

/** Routes that take a body, with one that is right. */
const bodies = (ids: { workspace: string; session: string }): [string, string, Record<string, unknown>][] => [
  ['POST', '/api/workspaces', { path: '/nowhere', name: 'n', metadata: {} }],
  ['PATCH', `/api/workspaces/${ids.workspace}`, { name: 'n', metadata: {} }],
  [
    'POST',
    '/api/sessions',
    {
      agent: 'demo',
      workspaceId: 'w',
      projectDir: '/x',
      name: 'n',
      prompt: 'p',
      model: 'm',
      agentMode: 'a',
      policy: 'ask',
      externalId: 'e',
      agentName: 'x',
      parentId: 'p',
      groupId: 'g',
      runtime: 'external',
      metadata: {},
      mcpServers: [],
      launch: false,
    },
  ],
  ['PATCH', `/api/sessions/${ids.session}`, { name: 'n', groupId: 'g', metadata: {}, version: 1 }],
  ['POST', `/api/sessions/${ids.session}/input`, { content: 'c', agentMode: 'm', interrupt: false }],
  [
    'POST',
    `/api/sessions/${ids.session}/events`,
    { type: 'log', id: 'i', payload: { level: 'info', text: 't' }, occurredAt: '2026-01-01T00:00:00Z', nativeId: 'n', turn: 1 },
  ],
];
const queries = (ids: { workspace: string; session: string }): [string, readonly string[]][] => [
  ['/api/workspaces', ['q', 'sort', 'cursor', 'limit', 'total']],
  [
    '/api/sessions',
    ['status', 'mode', 'agent', 'workspaceId', 'origin', 'parentId', 'groupId', 'q', 'sort', 'cursor', 'limit', 'total', 'resumedFromId'],
  ],
  [`/api/sessions/${ids.session}/events`, ['after', 'before', 'limit', 'type', 'wait']],
  ['/api/feed', ['after', 'limit', 'workspaceId', 'wait']],
  ['/api/login', ['code']],
];

describe.each(DIALECTS)('bad input over HTTP on %s', (dialect) => {
  let app: TestApp;
  const ids = { workspace: '', session: '' };

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    ids.workspace = (await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'bad')).id;
    ids.session = (await app.call('POST', '/api/sessions', { body: { runtime: 'external' } })).body.id;
  });
  afterAll(() => app?.close());

  /** A 4xx in our form; the server lives on. */
  const expectRefused = (answer: { status: number; body: any }, what: string, statuses?: number[]) => {
    if (
      !(answer.status >= 400 && answer.status < 500 && (!statuses || statuses.includes(answer.status))) ||
      typeof answer.body?.code !== 'string'
    )
      throw new Error(`${what} was answered ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 500)}`);
    expect(answer.body).toMatchObject({
      type: 'about:blank',
      title: expect.any(String),
      status: answer.status,
      detail: expect.any(String),
      requestId: expect.any(String),
    });
  };

  it('refuses what is not the JSON it asks for', async () => {
    const json = { 'content-type': 'application/json' };
    for (const [method, path] of bodies(ids)) {
      const where = `${method} ${path}`;
      for (const raw of [
        '{',
        '',
        'null',
        '[]',
        '"text"',
        '1',
        'true',
        '{"a":1}',
        '\u0000',
        '{"__proto__":{"x":1}}',
        '{"constructor":{"prototype":{}}}',
        Buffer.from([0x7b, 0xff, 0xfe]),
      ])
        expectRefused(await app.call(method, path, { raw, headers: json }), `${where} ${JSON.stringify(raw)}`);
      expectRefused(await app.call(method, path, { raw: '{}', headers: { 'content-type': 'text/plain' } }), `${where} as text`, [415]);
      expectRefused(
        await app.call(method, path, { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
        `${where} as form`,
        [415],
      );
      expectRefused(
        await app.call(method, path, { raw: '{}', headers: { 'content-type': 'application/json; charset=utf-7' } }),
        `${where} in utf-7`,
        [415],
      );
      expectRefused(
        await app.call(method, path, { raw: '{}', headers: { ...json, 'content-encoding': 'nonsense' } }),
        `${where} encoded`,
        [415],
      );
      const deep = `{"metadata":${'['.repeat(100)}${']'.repeat(100)}}`;
      expectRefused(await app.call(method, path, { raw: deep, headers: json }), `${where} of depth 100`, [400]);
      const large = JSON.stringify({
        name: 'x'.repeat(
          path.endsWith('/events') || path.endsWith('/input') || path === '/api/sessions' ? 9 * 1024 * 1024 : 2 * 1024 * 1024,
        ),
      });
      expectRefused(await app.call(method, path, { raw: large, headers: json }), `${where} too large`, [413]);
    }
  }, 120_000);

  it('refuses wrong types and unknown fields, and names them', async () => {
    for (const [method, path, right] of bodies(ids)) {
      for (const field of Object.keys(right)) {
        for (const wrong of [null, 1.5, [[]], true, { a: 1 }, 'x'.repeat(10_000)]) {
          if (
            typeof wrong === typeof right[field] &&
            Array.isArray(wrong) === Array.isArray(right[field]) &&
            wrong !== null &&
            typeof wrong !== 'string'
          )
            continue;
          if (typeof wrong === 'string' && (field === 'content' || field === 'prompt')) continue;
          if (field === 'groupId' && method === 'PATCH' && wrong === null) continue;
          if (['turn', 'nativeId', 'maxActiveSessions'].includes(field) && wrong === null) continue;
          const answer = await app.call(method, path, { body: { ...right, [field]: wrong } });
          expectRefused(answer, `${method} ${path} with ${field}=${JSON.stringify(wrong)?.slice(0, 40)}`);
        }
      }
      const unknown = await app.call(method, path, { body: { ...right, surprise: 1 } });
      expectRefused(unknown, `${method} ${path} with an unknown field`, [400]);
      expect(JSON.stringify(unknown.body)).toContain('surprise');
    }
  }, 120_000);

  it('takes or refuses every naughty string in every field, path and query, and never breaks', async () => {
    const broken: string[] = [];
    const note = (what: string, { status, body }: { status: number; body: any }) => {
      if (status >= 500 || (status >= 400 && typeof body?.code !== 'string'))
        broken.push(`${what} → ${status} ${JSON.stringify(body)?.slice(0, 200)}`);
    };
    for (const naughty of NAUGHTY_STRINGS) {
      const shown = JSON.stringify(naughty.slice(0, 30));
      for (const [method, path, right] of bodies(ids))
        for (const [field, value] of Object.entries(right))
          if (typeof value === 'string')
            note(`${method} ${path} ${field}=${shown}`, await app.call(method, path, { body: { ...right, [field]: naughty } }));
      note(`metadata ${shown}`, await app.call('PATCH', `/api/sessions/${ids.session}`, { body: { metadata: { [naughty]: naughty } } }));
      note(
        `payload ${shown}`,
        await app.call('POST', `/api/sessions/${ids.session}/events`, { body: { type: 'own', payload: { [naughty]: naughty } } }),
      );
      if (!naughty.isWellFormed()) continue;
      const encoded = encodeURIComponent(naughty);
      for (const [path, names] of queries(ids))
        for (const name of names)
          if (!(name === 'wait' && /^\s*\d+\s*$/.test(naughty)))
            note(`${path}?${name}=${shown}`, await app.call('GET', `${path}?${name}=${encoded}`));
      for (const path of [`/api/workspaces/${encoded}`, `/api/sessions/${encoded}`, `/api/sessions/${encoded}/events`])
        note(`GET ${path.slice(0, 60)}`, await app.call('GET', path));
      note(`stop ${shown}`, await app.call('POST', `/api/sessions/${encoded}/stop`));
    }
    expect(broken).toEqual([]);
    const found = await app.call('GET', '/api/health/ready');
    expect(found.status).toBe(200);
  }, 300_000);

  it('gives back naughty payloads and metadata as they came', async () => {
    const { id } = (await app.call('POST', '/api/sessions', { body: { runtime: 'external' } })).body;
    const payload = Object.fromEntries(NAUGHTY_STRINGS.map((each, index) => [`k${index}`, each]));
    await app.call('POST', `/api/sessions/${id}/events`, { body: { type: 'own', payload } });
    await app.call('PATCH', `/api/sessions/${id}`, { body: { metadata: payload } });
    expect((await app.call('GET', `/api/sessions/${id}/events?type=own`)).body.items[0].payload).toEqual(payload);
    expect((await app.call('GET', `/api/sessions/${id}`)).body.metadata).toEqual(payload);
  });

  it('answers unknown routes, methods and ids in the same form', async () => {
    for (const path of [
      '/',
      '/api',
      '/api/nothing',
      '/api/sessions/unknown',
      '/api/workspaces/unknown',
      '/api/sessions/unknown/events',
      '/api/%zz',
      '/api/sessions/%E0%A4%A',
    ])
      expectRefused(await app.call('GET', path), path, [400, 404]);
    for (const [method, path] of [
      ['POST', '/api/sessions/unknown/stop'],
      ['POST', '/api/sessions/unknown/interrupt'],
      ['DELETE', '/api/sessions/unknown'],
      ['DELETE', '/api/workspaces/unknown'],
      ['PUT', '/api/sessions'],
      ['DELETE', '/api/sessions'],
    ] as const)
      expectRefused(await app.call(method, path), `${method} ${path}`, [404, 405]);
  });

  it("keeps out who has no key, a wrong one, another host's name or another origin", async () => {
    const refused = async (options: Parameters<TestApp['call']>[2], status: number, code: string, method = 'GET') =>
      expect(await app.call(method, '/api/sessions', options)).toMatchObject({ status, body: { code } });
    await refused({ key: null }, 401, 'unauthenticated');
    await refused({ key: 'nonsense' }, 401, 'unauthenticated');
    await refused({ key: `${app.key.slice(0, -1)}${app.key.endsWith('x') ? 'y' : 'x'}` }, 401, 'unauthenticated');
    await refused({ key: null, headers: { authorization: 'Basic YWRtaW46YWRtaW4=' } }, 401, 'unauthenticated');
    await refused({ key: null, headers: { cookie: 'muster_session=mst_web_nonsense' } }, 401, 'unauthenticated');
    expect((await app.call('GET', '/api/me', { key: null, headers: { 'x-api-key': app.key } })).body).toEqual({
      id: 'admin',
      kind: 'admin',
      name: 'Administrator',
    });
    await refused({ body: { runtime: 'external' }, headers: { origin: 'https://evil.example' } }, 403, 'origin_not_allowed', 'POST');
    await refused({ body: { runtime: 'external' }, headers: { origin: 'null' } }, 403, 'origin_not_allowed', 'POST');
    const port = Number(new URL(app.url).port);
    const rebound = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(`GET /api/me HTTP/1.1\r\nHost: evil.example:${port}\r\nX-API-Key: ${app.key}\r\nConnection: close\r\n\r\n`),
      );
      let text = '';
      socket
        .on('data', (chunk) => (text += chunk.toString()))
        .on('end', () => resolve(text))
        .on('error', reject);
    });
    expect(rebound).toMatch(/^HTTP\/1.1 403/);
    expect(rebound).toContain('host_not_allowed');
  });
});
