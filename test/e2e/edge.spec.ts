import { Logger } from '@nestjs/common';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ApiKeysRepository } from '../../src/auth/persistence/api-keys.repository.js';
import { BrowserLogins } from '../../src/auth/browser-logins.service.js';
import { newKey } from '../../src/auth/credentials.js';
import { deferred } from '../../src/core/deferred.js';
import { SessionsService } from '../../src/sessions/sessions.service.js';
import { SessionCreation } from '../../src/sessions/session-creation.service.js';
import { type Answer, TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { WsClient } from '../support/ws-client.js';

const apps: TestApp[] = [];
const start = async (environment: Record<string, string> = {}, dialect = DIALECTS[0] ?? 'sqlite'): Promise<TestApp> => {
  const app = await TestApp.start(dialect, environment);
  apps.push(app);
  return app;
};
afterEach(async () => {
  jest.restoreAllMocks();
  Logger.overrideLogger(false);
  for (const app of apps.splice(0)) await app.close();
});

/** Moves the clock that the windows of the limits go by. */
function passTime(ms: number): void {
  const real = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => real() + ms);
}

/** What is logged from now on. */
function logged(): any[] {
  const lines: any[] = [];
  const take = (message: unknown) => void lines.push(message);
  Logger.overrideLogger({ log: take, error: take, warn: take, debug: () => undefined, verbose: () => undefined });
  return lines;
}

/** A request with headers that `fetch` does not send as they are. */
function rawCall(
  app: { readonly url: string },
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<Answer> {
  const { hostname, port, host } = new URL(app.url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, method, path, headers: { host, ...headers }, setHost: false, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = /json/.test(response.headers['content-type'] ?? '');
          const given = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
          resolve({ status: response.statusCode ?? 0, body: isJson && text !== '' ? JSON.parse(text) : text, headers: new Headers(given) });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function signIn(app: TestApp): Promise<{ cookie: string; token: string }> {
  const { headers } = await app.call('GET', `/api/login?code=${app.get(BrowserLogins).newCode()}`, { key: null });
  const cookies = headers.get('set-cookie') ?? '';
  return { cookie: /muster_session=\w+/.exec(cookies)?.[0] ?? '', token: /muster_csrf=(\w+)/.exec(cookies)?.[1] ?? '' };
}

const wrong = (n: number): string => `wrong-${n}`;
const external = { runtime: 'external' };

describe.each(DIALECTS)('wrong credentials on %s', (dialect) => {
  const guess = (app: TestApp, key: string, headers: Record<string, string> = {}) => app.call('GET', '/api/me', { key, headers });

  it('are slowed, refused unseen after some, told in the log without the credential, and welcome again after a minute', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '4' }, dialect);
    const { body: key } = await app.call('POST', '/api/keys', { body: { name: 'ada', principalId: 'user:ada' } });
    const { body: fresh } = await app.call('POST', '/api/keys', { body: { name: 'bob', principalId: 'user:bob' } });
    expect((await guess(app, key.secret)).status).toBe(200);
    const lines = logged();
    const times: number[] = [];
    for (let n = 0; n < 4; n++) {
      const begin = performance.now();
      expect(await guess(app, wrong(n))).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      times.push(performance.now() - begin);
    }
    [24, 49, 99, 199].forEach((least, index) => expect(times[index]).toBeGreaterThanOrEqual(least));
    const refused = await guess(app, wrong(5));
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_attempts' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    // Who was there before goes on; who is unknown waits, right or wrong.
    expect((await guess(app, key.secret)).status).toBe(200);
    expect((await guess(app, app.key)).status).toBe(200);
    expect((await guess(app, fresh.secret)).status).toBe(429);
    expect((await app.call('GET', '/api/me', { key: null })).status).toBe(401);
    expect((await app.call('GET', '/api/health', { key: null })).status).toBe(200);
    expect(lines).toEqual(
      expect.arrayContaining([
        { msg: 'refused', refusal: 'failed_attempt', address: '127.0.0.1', count: 1 },
        { msg: 'refused', refusal: 'failed_attempt', address: '127.0.0.1', count: 4 },
        { msg: 'refused', refusal: 'too_many_attempts', address: '127.0.0.1', count: 4 },
      ]),
    );
    expect(JSON.stringify(lines)).not.toContain('wrong-');
    passTime(61_000);
    expect((await guess(app, fresh.secret)).status).toBe(200);
    expect((await guess(app, wrong(6))).status).toBe(401);
    const { body: figures } = await app.call('GET', '/api/metrics');
    expect(figures).toContain('muster_refusals_total{refusal="failed_attempt"} 5');
  });

  it('are not looked at more often when they come all at once', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '5' }, dialect);
    // None is answered before all have come.
    const gate = deferred<null>();
    const lookUps = jest.spyOn(app.get(ApiKeysRepository), 'findByHash').mockImplementation(() => gate.promise);
    let come = 0;
    app.app.getHttpServer().on('request', () => (come += 1));
    const answering = Promise.all(Array.from({ length: 60 }, () => guess(app, newKey('personal'))));
    await eventually(() => come === 60 && lookUps.mock.calls.length > 0);
    gate.resolve(null);
    const answers = await answering;
    expect(lookUps).toHaveBeenCalledTimes(5);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(55);
  });

  it('do not fill the log', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '3' }, dialect);
    const lines = logged();
    for (let n = 0; n < 40; n++) await guess(app, wrong(n));
    expect(lines).toHaveLength(3 + 5);
    passTime(11_000);
    await guess(app, wrong(41));
    expect(lines.slice(8)).toEqual([
      { msg: 'refused', refusal: 'too_many_attempts', more: 32 },
      { msg: 'refused', refusal: 'too_many_attempts', address: '127.0.0.1', count: 3 },
    ]);
  });

  it('do not lock others out when they were good once', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '2' }, dialect);
    const { body: key } = await app.call('POST', '/api/keys', { body: { name: 'ada', principalId: 'user:ada' } });
    expect((await guess(app, key.secret)).status).toBe(200);
    await app.call('DELETE', `/api/keys/${key.id}`);
    for (let n = 0; n < 4; n++) expect((await guess(app, key.secret)).status).toBe(401);
    const { body: fresh } = await app.call('POST', '/api/keys', { body: { name: 'bob', principalId: 'user:bob' } });
    expect((await guess(app, fresh.secret)).status).toBe(200);
  });

  it('are counted for sign-in links too', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '2' }, dialect);
    for (let n = 0; n < 2; n++) expect((await app.call('GET', `/api/login?code=${wrong(n)}`, { key: null })).status).toBe(401);
    expect(await app.call('GET', `/api/login?code=${wrong(3)}`, { key: null })).toMatchObject({
      status: 429,
      body: { code: 'too_many_attempts' },
    });
    expect((await guess(app, wrong(4))).status).toBe(429);
  });
});

describe('the address of a caller', () => {
  const guessFrom = (app: TestApp, address: string, n: number) =>
    app.call('GET', '/api/me', { key: wrong(n), headers: { 'x-forwarded-for': address } });

  it('is that of the connection, whatever X-Forwarded-For says', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '2' });
    for (let n = 0; n < 2; n++) expect((await guessFrom(app, `203.0.113.${n}`, n)).status).toBe(401);
    expect((await guessFrom(app, '203.0.113.9', 9)).status).toBe(429);
  });

  it('is told by a trusted proxy: the last one that is none, an IPv6 one by its /64', async () => {
    const app = await start({ MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '2', MUSTER_TRUSTED_PROXIES: 'loopback, 10.0.0.0/8' });
    for (let n = 0; n < 2; n++) expect((await guessFrom(app, `198.51.100.${n}, 203.0.113.7, 10.1.2.3`, n)).status).toBe(401);
    expect((await guessFrom(app, '198.51.100.99, 203.0.113.7', 3)).status).toBe(429);
    expect((await guessFrom(app, '203.0.113.7:51234', 4)).status).toBe(429);
    expect((await guessFrom(app, '203.0.113.8', 5)).status).toBe(401);
    for (let n = 0; n < 2; n++) expect((await guessFrom(app, `2001:db8:1:2::${n}`, n)).status).toBe(401);
    expect((await guessFrom(app, '2001:db8:1:2:ffff::1', 6)).status).toBe(429);
    expect((await guessFrom(app, '2001:db8:1:3::1', 7)).status).toBe(401);
    // What is no address is counted as the proxy's own.
    for (let n = 0; n < 2; n++) expect((await guessFrom(app, `nonsense-${n}`, n)).status).toBe(401);
    expect((await guessFrom(app, 'nonsense-3', 8)).status).toBe(429);
  });

  it('and the host and protocol it named are believed of a trusted proxy only', async () => {
    const environment = { MUSTER_ALLOWED_HOSTS: 'muster.example' };
    const forwarded = { 'x-forwarded-host': 'muster.example', 'x-forwarded-proto': 'https', origin: 'https://muster.example' };
    const open = await start(environment);
    expect(await open.call('POST', '/api/sessions', { body: external, headers: forwarded })).toMatchObject({
      status: 403,
      body: { code: 'origin_not_allowed' },
    });
    const proxied = await start({ ...environment, MUSTER_TRUSTED_PROXIES: 'loopback' });
    expect((await proxied.call('POST', '/api/sessions', { body: external, headers: forwarded })).status).toBe(201);
    // A page that was pointed at this address can make its browser send any X-Forwarded-Host: it has to be a name of ours as well.
    const rebound = { 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' };
    expect((await proxied.call('POST', '/api/sessions', { body: external, headers: rebound })).status).toBe(403);
    const named = { host: 'evil.example', 'x-forwarded-host': 'muster.example', authorization: `Bearer ${proxied.key}` };
    expect(await rawCall(proxied, 'GET', '/api/me', named)).toMatchObject({ status: 403, body: { code: 'host_not_allowed' } });
    for (const [app, isSecure] of [
      [open, false],
      [proxied, true],
    ] as const) {
      const code = app.get(BrowserLogins).newCode();
      const { headers } = await app.call('GET', `/api/login?code=${code}`, { key: null, headers: { 'x-forwarded-proto': 'https' } });
      expect(/; Secure/.test(headers.get('set-cookie') ?? '')).toBe(isSecure);
    }
    const behindTls = await start({ MUSTER_PUBLIC_URL: 'https://muster.example' });
    const page = { origin: 'https://muster.example' };
    const port = new URL(await behindTls.app.getUrl()).port;
    for (const host of ['muster.example', `127.0.0.1:${port}`]) {
      const headers = { ...page, host, authorization: `Bearer ${behindTls.key}`, 'content-type': 'application/json' };
      const answer = await rawCall({ url: `http://127.0.0.1:${port}` }, 'POST', '/api/sessions', headers, JSON.stringify(external));
      expect(answer.status).toBe(201);
      expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=\d+$/);
    }
  });
});

describe.each(DIALECTS)('the limit of a class of requests on %s', (dialect) => {
  it('bites for reading and for writing, is told beforehand, and ends with its minute', async () => {
    const app = await start({ MUSTER_LIMIT_READ_PER_MINUTE: '3', MUSTER_LIMIT_WRITE_PER_MINUTE: '2' }, dialect);
    const create = jest.spyOn(app.get(SessionCreation), 'create');
    const list = jest.spyOn(app.get(SessionsService), 'list');
    for (let left = 2; left >= 0; left--) {
      const { status, headers } = await app.call('GET', '/api/sessions');
      expect([status, headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual([200, '3', String(left)]);
    }
    for (let n = 0; n < 2; n++) expect((await app.call('POST', '/api/sessions', { body: external })).status).toBe(201);
    for (const [method, body, limit] of [
      ['GET', undefined, '3'],
      ['POST', external, '2'],
    ] as const) {
      const refused = await app.call(method, '/api/sessions', { body });
      expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited', context: { limit: Number(limit) } } });
      expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(refused.headers.get('retry-after')).toBe(refused.headers.get('ratelimit-reset'));
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
      expect([refused.headers.get('ratelimit-limit'), refused.headers.get('ratelimit-remaining')]).toEqual([limit, '0']);
    }
    expect([list.mock.calls.length, create.mock.calls.length]).toEqual([3, 2]);
    expect((await app.call('GET', '/api/health', { key: null })).status).toBe(200);
    passTime(61_000);
    expect((await app.call('GET', '/api/sessions')).status).toBe(200);
    expect((await app.call('POST', '/api/sessions', { body: external })).status).toBe(201);
  });

  it('is one of a principal with all its keys, and of an address where there is none', async () => {
    const app = await start({ MUSTER_LIMIT_READ_PER_MINUTE: '2', MUSTER_LIMIT_LOGIN_PER_MINUTE: '1' }, dialect);
    const give = async (name: string, principalId: string): Promise<string> =>
      (await app.call('POST', '/api/keys', { body: { name, principalId } })).body.secret;
    const [one, other, bob] = [await give('one', 'user:ada'), await give('other', 'user:ada'), await give('bob', 'user:bob')];
    expect((await app.call('GET', '/api/me', { key: one })).status).toBe(200);
    expect((await app.call('GET', '/api/me', { key: other })).status).toBe(200);
    expect((await app.call('GET', '/api/me', { key: one })).status).toBe(429);
    expect((await app.call('GET', '/api/me', { key: bob })).status).toBe(200);
    expect((await signIn(app)).cookie).not.toBe('');
    expect(await app.call('GET', '/api/login?code=x', { key: null })).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
  });

  it('counts what starts an agent apart, on HTTP and WebSocket together', async () => {
    const app = await start({ MUSTER_LIMIT_LAUNCH_PER_MINUTE: '2' }, dialect);
    const launch = { agent: 'demo', projectDir: '/nowhere' };
    const client = await WsClient.connect(app.url, { key: app.key });
    expect((await app.call('POST', '/api/sessions', { body: launch })).body.code).not.toBe('rate_limited');
    expect((await client.request({ type: 'session.create', ...launch })).code).not.toBe('rate_limited');
    expect(await app.call('POST', '/api/sessions', { body: launch })).toMatchObject({ status: 429, body: { code: 'rate_limited' } });
    expect(await client.request({ type: 'session.create', ...launch })).toMatchObject({
      type: 'error',
      status: 429,
      code: 'rate_limited',
      context: { class: 'launch' },
    });
    expect((await app.call('POST', '/api/sessions', { body: external })).status).toBe(201);
    expect((await app.call('POST', '/api/sessions', { body: { ...launch, launch: false } })).status).not.toBe(429);
    expect((await client.request({ type: 'session.create', ...external })).type).toBe('reply');
    passTime(61_000);
    expect((await app.call('POST', '/api/sessions', { body: launch })).status).not.toBe(429);
    await client.close();
  });

  it('counts appends by their events, on HTTP and WebSocket together, and recovers within a second', async () => {
    const app = await start({ MUSTER_LIMIT_APPEND_PER_SECOND: '5' }, dialect);
    const { id } = (await app.call('POST', '/api/sessions', { body: external })).body;
    const client = await WsClient.connect(app.url, { key: app.key });
    const event = { type: 'own', payload: {} };
    const batch = () => app.call('POST', `/api/sessions/${id}/events`, { body: { events: Array.from({ length: 6 }, () => event) } });
    const frozen = Date.now();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => frozen);
    expect((await batch()).status).toBe(200);
    expect(await batch()).toMatchObject({ status: 429, body: { code: 'rate_limited', context: { class: 'append' } } });
    expect(await client.request({ type: 'append', sessionId: id, events: [event] })).toMatchObject({ type: 'error', code: 'rate_limited' });
    expect((await app.call('GET', `/api/sessions/${id}/events?type=own`)).body.items).toHaveLength(6);
    clock.mockRestore();
    await eventually(
      async () => (await client.request({ type: 'append', sessionId: id, events: [event] })).type === 'reply',
      Boolean,
      3_000,
    );
    await eventually(async () => (await batch()).status === 200, Boolean, 3_000);
    await client.close();
  });

  it('counts streams that are open, waiting reads with them', async () => {
    const app = await start({ MUSTER_LIMIT_STREAMS_PER_PRINCIPAL: '2' }, dialect);
    const { id } = (await app.call('POST', '/api/sessions', { body: external })).body;
    const headers = { authorization: `Bearer ${app.key}` };
    const gone = [new AbortController(), new AbortController()] as const;
    const stream = await fetch(`${app.url}/api/sessions/${id}/events/stream`, { headers, signal: gone[0].signal });
    expect(stream.status).toBe(200);
    const feed = await fetch(`${app.url}/api/feed/stream`, { headers, signal: gone[1].signal });
    expect(feed.status).toBe(200);
    const refused = await app.call('GET', '/api/feed/stream');
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_streams' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect((await app.call('GET', `/api/sessions/${id}/events?wait=1`)).status).toBe(429);
    expect((await app.call('GET', `/api/sessions/${id}/events?wait=0`)).status).toBe(200);
    gone[0].abort();
    await eventually(async () => (await app.call('GET', '/api/feed?wait=1')).status === 200);
    gone[1].abort();
  });
});

describe('who calls from where', () => {
  it('decides before a handler runs: every combination of Host, Origin, site and cookie', async () => {
    const app = await start({ MUSTER_CORS_ORIGINS: 'https://ui.example' });
    const { cookie, token } = await signIn(app);
    const reads = jest.spyOn(app.get(SessionsService), 'list');
    const writes = jest.spyOn(app.get(SessionCreation), 'create');
    const { host, port } = new URL(app.url);
    const hosts: [string, boolean][] = [
      [host, true],
      [`localhost:${port}`, true],
      [`[::1]:${port}`, true],
      [`evil.example:${port}`, false],
      [`127.0.0.1.evil.example:${port}`, false],
      ['evil.example', false],
      ['', false],
    ];
    const origins: [string | undefined, boolean][] = [
      [undefined, true],
      ['own', true],
      ['https://ui.example', true],
      ['https://evil.example', false],
      ['http://ui.example', false],
      ['https://ui.example.evil.example', false],
      ['http://localhost:3000', false],
      ['null', false],
    ];
    const wrongs: string[] = [];
    for (const [name, isOurs] of hosts)
      for (const [given, isAllowed] of origins)
        for (const site of [undefined, 'same-origin', 'same-site', 'cross-site'])
          for (const by of ['cookie', 'key', 'nothing'] as const)
            for (const method of ['GET', 'HEAD', 'POST']) {
              const origin = given === 'own' ? `http://${name}` : given;
              const headers = {
                host: name,
                ...(origin === undefined ? {} : { origin }),
                ...(site ? { 'sec-fetch-site': site, 'sec-fetch-mode': 'cors' } : {}),
                ...(by === 'cookie' ? { cookie, 'x-csrf-token': token } : by === 'key' ? { 'x-api-key': app.key } : {}),
                ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
              };
              const isForeign = site === 'same-site' || site === 'cross-site';
              const isFine =
                method !== 'POST'
                  ? by !== 'cookie' || (given === undefined ? !isForeign : isAllowed)
                  : given === undefined
                    ? by !== 'cookie'
                    : isAllowed;
              const expected = !isOurs || !isFine ? 403 : by === 'nothing' ? 401 : method === 'POST' ? 201 : 200;
              const before = reads.mock.calls.length + writes.mock.calls.length;
              const { status } = await rawCall(
                app,
                method,
                '/api/sessions',
                headers,
                method === 'POST' ? JSON.stringify(external) : undefined,
              );
              const ran = reads.mock.calls.length + writes.mock.calls.length - before;
              if (status !== expected || ran !== (expected < 300 ? 1 : 0))
                wrongs.push(`${method} ${JSON.stringify(headers)}: ${status} for ${expected}, ran ${ran}`);
            }
    expect(wrongs).toEqual([]);
  }, 120_000);

  it('wants the CSRF token of the very cookie', async () => {
    const app = await start();
    const [own, other] = [await signIn(app), await signIn(app)];
    const create = jest.spyOn(app.get(SessionCreation), 'create');
    const post = (headers: Record<string, string>) =>
      app.call('POST', '/api/sessions', { key: null, body: external, headers: { cookie: own.cookie, origin: app.url, ...headers } });
    const wrongs: Record<string, string>[] = [
      {},
      { 'x-csrf-token': '' },
      { 'x-csrf-token': other.token },
      { 'x-csrf-token': `${own.token}0` },
    ];
    for (const headers of wrongs) expect(await post(headers)).toMatchObject({ status: 403, body: { code: 'csrf_token' } });
    expect(create).not.toHaveBeenCalled();
    expect((await post({ 'x-csrf-token': own.token })).status).toBe(201);
  });

  it('tells CORS to listed origins only', async () => {
    const app = await start({ MUSTER_CORS_ORIGINS: 'https://ui.example' });
    const preflight = (origin: string) =>
      app.call('OPTIONS', '/api/sessions', {
        key: null,
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
      });
    const corsOf = ({ headers }: Answer) => [...headers.keys()].filter((name) => name.startsWith('access-control-'));
    const allowed = await preflight('https://ui.example');
    expect(allowed.status).toBe(204);
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': 'https://ui.example',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'authorization,content-type',
      vary: expect.stringContaining('Origin'),
    });
    for (const origin of ['https://evil.example', 'null', 'https://ui.example.evil.example', 'http://ui.example'])
      for (const answer of [await preflight(origin), await app.call('GET', '/api/sessions', { headers: { origin } })]) {
        expect(corsOf(answer)).toEqual([]);
        expect(answer.headers.get('vary')).toContain('Origin');
      }
    const { headers } = await app.call('GET', '/api/sessions', { headers: { origin: 'https://ui.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('https://ui.example');
    expect(headers.get('access-control-expose-headers')).toMatch(/Retry-After/);
    const closed = await start();
    expect(
      corsOf(
        await closed.call('OPTIONS', '/api/sessions', {
          key: null,
          headers: { origin: 'https://ui.example', 'access-control-request-method': 'POST' },
        }),
      ),
    ).toEqual([]);
  });
});

describe('a path', () => {
  it('has one spelling: no other reaches a handler, and none does without credentials', async () => {
    const app = await start();
    const runs = [jest.spyOn(app.get(SessionsService), 'list'), jest.spyOn(app.get(SessionCreation), 'create')];
    const paths = [
      '/api/sessions/',
      '/api//sessions',
      '//api/sessions',
      '/API/SESSIONS',
      '/api/Sessions',
      '/api/%73essions',
      '/%61pi/sessions',
      '/api/./sessions',
      '/api/x/../sessions',
      '/api/x/%2e%2e/sessions',
      '/api%2fsessions',
      '/api\\sessions',
      '/api/sessions;x=1',
      '/api/sessions/.',
      '/api/sessions%00',
      '/api/sessions%20',
    ];
    for (const path of paths)
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST'])
        for (const key of [undefined, app.key]) {
          const headers = {
            ...(key ? { authorization: `Bearer ${key}` } : {}),
            ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
          };
          const { status } = await rawCall(app, method, path, headers, method === 'POST' ? JSON.stringify(external) : undefined);
          expect([path, method, [400, 401, 404].includes(status) || `${status}`]).toEqual([path, method, true]);
        }
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
      const { status } = await app.call(method, '/api/sessions', { key: null, ...(method === 'POST' ? { body: external } : {}) });
      expect([method, status]).toEqual([method, method === 'OPTIONS' ? 404 : 401]);
    }
    runs.forEach((run) => expect(run).not.toHaveBeenCalled());
    expect((await app.call('HEAD', '/api/sessions')).status).toBe(200);
    expect(runs[0]).toHaveBeenCalledTimes(1);
  });

  it('is answered with the headers that keep browsers safe, also where it fails', async () => {
    const app = await start();
    const { host } = new URL(app.url);
    const answers = [
      await app.call('GET', '/api/me'),
      await app.call('GET', '/api/nothing'),
      await app.call('GET', '/api/me', { key: null }),
      await app.call('POST', '/api/sessions', { raw: '{' }),
      await app.call('POST', '/api/sessions', { raw: '{"runtime":"external"}', headers: { 'content-type': 'text/plain' } }),
      await rawCall(app, 'GET', '/api/me', { host: 'evil.example' }),
      await app.call('GET', '/api/docs'),
      await rawCall(app, 'GET', '/api/me', { 'x-large': 'x'.repeat(20_000) }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 401, 400, 415, 403, 200, 431]);
    for (const { headers } of answers) {
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('x-request-id')).not.toBeNull();
      expect(headers.get('strict-transport-security')).toBeNull();
    }
    expect(host).toContain('127.0.0.1');
  });
});

describe('connections', () => {
  const sockets: Socket[] = [];
  afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));
  const open = (app: TestApp): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined).once('connect', () => resolve(socket));
    });
  /** The status line of an answer; empty where the connection was closed without one. */
  const ask = (socket: Socket): Promise<string> =>
    new Promise((resolve) => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\r\n', 1)[0] ?? ''));
      socket.once('close', () => resolve(''));
      if (socket.destroyed) resolve('');
      socket.write('GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    });

  it.each(['MUSTER_MAX_CONNECTIONS_PER_ADDRESS', 'MUSTER_MAX_CONNECTIONS'])('are closed beyond %s, and taken again', async (name) => {
    const app = await start({ [name]: '3' });
    const lines = logged();
    const first = [await open(app), await open(app), await open(app)];
    for (const socket of first) expect(await ask(socket)).toBe('HTTP/1.1 200 OK');
    for (let n = 0; n < 20; n++) expect(await ask(await open(app))).toBe('');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toEqual({ msg: 'refused', refusal: 'too_many_connections', address: '127.0.0.1', limit: 3 });
    for (const socket of first) expect(await ask(socket)).toBe('HTTP/1.1 200 OK');
    first[0]?.destroy();
    await eventually(async () => (await ask(await open(app))) === 'HTTP/1.1 200 OK');
  });

  it('of a trusted proxy are not counted by its address', async () => {
    const app = await start({ MUSTER_MAX_CONNECTIONS_PER_ADDRESS: '1', MUSTER_TRUSTED_PROXIES: '127.0.0.1' });
    for (let n = 0; n < 4; n++) expect(await ask(await open(app))).toBe('HTTP/1.1 200 OK');
  });

  it('that send a request too slowly, or none of HTTP, are answered and closed', async () => {
    const app = await start();
    const server = app.app.getHttpServer();
    expect([server.headersTimeout, server.requestTimeout]).toEqual([10_000, 30_000]);
    server.headersTimeout = 100;
    const answerTo = async (text: string): Promise<string> => {
      const socket = await open(app);
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.write(text);
      await new Promise((resolve) => socket.once('close', resolve));
      return answer;
    };
    const [slow, nonsense] = [
      await answerTo('GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-A: '),
      await answerTo('\x16\x03\x01 hello\r\n\r\n'),
    ];
    expect(slow).toMatch(/^HTTP\/1\.1 408 /);
    expect(slow).toContain('"code":"request_timeout"');
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 /);
    expect(nonsense).toContain('X-Content-Type-Options: nosniff');
    expect((await app.call('GET', '/api/health')).status).toBe(200);
  });
});
