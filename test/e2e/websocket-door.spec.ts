import type { LoggerService } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { BrowserLogins } from '../../src/auth/browser-logins.service.js';
import { Clock } from '../../src/core/clock.js';
import { startServer } from '../../src/server.js';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS } from '../support/databases.js';
import { NO_LIMITS } from '../support/limits.js';
import { giveKey, revokeKey, unknownKey } from '../support/principals.js';
import { WsClient } from '../support/ws-client.js';

const EVIL = 'https://evil.example';

describe.each(DIALECTS)('Who may open a WebSocket on %s', (dialect) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start(dialect, { ...NO_LIMITS, MUSTER_CORS_ORIGINS: 'https://dashboard.example' });
  });
  afterAll(() => app.close());
  afterEach(() => jest.restoreAllMocks());

  async function ticket(key = app.key): Promise<string> {
    const { status, body } = await app.call('POST', '/api/tickets', { key, body: {} });
    expect(status).toBe(201);
    return body.ticket;
  }
  const pathOf = (given: string) => `/api/ws?ticket=${given}`;
  const unauthenticated = { status: 401, body: { code: 'unauthenticated' } };

  describe('with a ticket', () => {
    it('is let in once, as the one who asked for it', async () => {
      const { secret } = await giveKey(app, { principalId: 'user:ada' });
      const path = pathOf(await ticket(secret));
      const client = await WsClient.connect(app.url, { path });
      expect(await client.frame(({ type }) => type === 'hello')).toMatchObject({ principal: { id: 'user:ada', kind: 'user' } });
      expect(await client.request({ type: 'subscribe', all: true })).toMatchObject({ type: 'reply' });
      await expect(WsClient.refused(app.url, { path })).resolves.toMatchObject(unauthenticated);
      await client.close();
      const [first, ...others] = await Promise.allSettled(
        [pathOf(await ticket())].flatMap((each) => [each, each, each]).map((each) => WsClient.connect(app.url, { path: each })),
      );
      const open = [first, ...others].flatMap((each) => (each?.status === 'fulfilled' ? [each.value] : []));
      expect(open).toHaveLength(1);
      await open[0]?.close();
    });

    it('is refused before the upgrade where it is wrong, too old, or its key is gone', async () => {
      for (const wrong of ['', 'nonsense', 'x'.repeat(32), '%00', app.key])
        await expect(WsClient.refused(app.url, { path: pathOf(wrong) })).resolves.toMatchObject(unauthenticated);
      const old = pathOf(await ticket());
      const clock = app.get(Clock);
      jest.spyOn(clock, 'nowMs').mockImplementation(() => Date.now() + 30_001);
      await expect(WsClient.refused(app.url, { path: old })).resolves.toMatchObject(unauthenticated);
      jest.restoreAllMocks();
      const { id, secret } = await giveKey(app, { principalId: 'user:ada' });
      const given = pathOf(await ticket(secret));
      await revokeKey(app, id);
      await expect(WsClient.refused(app.url, { path: given })).resolves.toMatchObject(unauthenticated);
    });

    it('is refused together with a key, and is not used up by that', async () => {
      const path = pathOf(await ticket());
      const two = { status: 400, body: { code: 'invalid_input' } };
      await expect(WsClient.refused(app.url, { path, key: app.key })).resolves.toMatchObject(two);
      await expect(WsClient.refused(app.url, { path, headers: { 'x-api-key': app.key } })).resolves.toMatchObject(two);
      await expect(WsClient.refused(app.url, { path, headers: { authorization: 'Basic x' } })).resolves.toMatchObject(two);
      await expect(WsClient.refused(app.url, { path: `${path}&ticket=other` })).resolves.toMatchObject(two);
      const client = await WsClient.connect(app.url, { path });
      await client.frame(({ type }) => type === 'hello');
      await client.close();
    });

    it('opens nothing but a WebSocket', async () => {
      const given = await ticket();
      for (const path of ['/api/me', '/api/sessions', '/api/feed/stream', '/api/tickets'])
        expect(
          await app.call(path === '/api/tickets' ? 'POST' : 'GET', pathOf(given).replace('/api/ws', path), { key: null }),
        ).toMatchObject({
          status: 401,
        });
      expect((await app.call('GET', '/api/me', { key: given })).status).toBe(401);
      expect((await app.call('GET', pathOf(given), { key: null })).status).toBe(404);
      const late = await WsClient.connect(app.url);
      late.send({ type: 'auth', token: given });
      await late.untilClosed();
      expect(late.closed?.code).toBe(4401);
      const client = await WsClient.connect(app.url, { path: pathOf(given) });
      await client.close();
    });
  });

  describe('from a page', () => {
    /** As a browser signs in with the one-time link. */
    async function cookie(): Promise<string> {
      const { headers, status } = await app.call('GET', `/api/login?code=${app.get(BrowserLogins).newCode()}`, { key: null });
      expect(status).toBe(303);
      return (headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
    }
    const refused = { status: 403, body: { code: 'origin_not_allowed' } };

    it('takes a cookie from our own pages and those that are allowed', async () => {
      const own = await cookie();
      for (const origin of [app.url, 'https://dashboard.example']) {
        const client = await WsClient.connect(app.url, { headers: { cookie: own, origin } });
        expect(await client.frame(({ type }) => type === 'hello')).toMatchObject({ principal: { id: 'admin' } });
        await client.close();
      }
    });

    it('takes nothing from any other page, with a cookie, a key, a ticket or nothing', async () => {
      const own = await cookie();
      const path = pathOf(await ticket());
      const origins = [EVIL, 'null', '', app.url.replace('http:', 'ftp:'), `${app.url}.evil.example`, app.url.replace(/:\d+$/, ':1')];
      for (const origin of origins) {
        await expect(WsClient.refused(app.url, { headers: { cookie: own, origin } })).resolves.toMatchObject(refused);
        await expect(WsClient.refused(app.url, { headers: { origin }, key: app.key })).resolves.toMatchObject(refused);
        await expect(WsClient.refused(app.url, { headers: { origin }, path })).resolves.toMatchObject(refused);
        await expect(WsClient.refused(app.url, { headers: { origin } })).resolves.toMatchObject(refused);
      }
      // A cookie without an Origin is no browser's, or one that hides where it comes from.
      await expect(WsClient.refused(app.url, { headers: { cookie: own } })).resolves.toMatchObject(refused);
      await expect(WsClient.refused(app.url, { headers: { cookie: own }, path })).resolves.toMatchObject(refused);
      await expect(
        WsClient.refused(app.url, { headers: { cookie: own, origin: 'http://evil.example', host: 'evil.example' } }),
      ).resolves.toMatchObject({
        status: 403,
        body: { code: 'host_not_allowed' },
      });
      // Nothing of this has used the ticket; what else a browser sends along does not count beside it.
      const { secret } = await giveKey(app, { principalId: 'user:ada' });
      const client = await WsClient.connect(app.url, { path: pathOf(await ticket(secret)), headers: { cookie: own, origin: app.url } });
      expect(await client.frame(({ type }) => type === 'hello')).toMatchObject({ principal: { id: 'user:ada' } });
      await client.close();
      const other = await WsClient.connect(app.url, { path });
      await other.close();
    });

    it('refuses a cookie that is wrong', async () => {
      const headers = { cookie: `muster_session=${unknownKey()}`, origin: app.url };
      await expect(WsClient.refused(app.url, { headers })).resolves.toMatchObject(unauthenticated);
    });
  });

  it('counts wrong credentials of an upgrade and of a first frame as attempts', async () => {
    const limited = await TestApp.start(dialect, { ...NO_LIMITS, MUSTER_LIMIT_FAILED_ATTEMPTS_PER_MINUTE: '4' });
    try {
      await expect(WsClient.refused(limited.url, { key: unknownKey() })).resolves.toMatchObject({ status: 401 });
      await expect(WsClient.refused(limited.url, { path: pathOf('nonsense') })).resolves.toMatchObject({ status: 401 });
      for (let n = 0; n < 2; n++) {
        const client = await WsClient.connect(limited.url);
        client.send({ type: 'auth', token: unknownKey() });
        await client.untilClosed();
        expect(client.closed?.code).toBe(4401);
      }
      await expect(WsClient.refused(limited.url, { key: unknownKey() })).resolves.toMatchObject({
        status: 429,
        body: { code: 'too_many_attempts' },
      });
      await expect(WsClient.refused(limited.url, { path: pathOf('nonsense') })).resolves.toMatchObject({ status: 429 });
      const late = await WsClient.connect(limited.url);
      expect(await late.request({ type: 'auth', token: unknownKey() })).toMatchObject({
        type: 'error',
        code: 'too_many_attempts',
        status: 429,
      });
      await late.close();
    } finally {
      await limited.close();
    }
  });

  it('gives a principal so many connections, and their places back', async () => {
    const limited = await TestApp.start(dialect, { ...NO_LIMITS, MUSTER_LIMIT_STREAMS_PER_PRINCIPAL: '2' });
    try {
      const clients = [
        await WsClient.connect(limited.url, { key: limited.key }),
        await WsClient.connect(limited.url, { key: limited.key }),
      ];
      await expect(WsClient.refused(limited.url, { key: limited.key })).resolves.toMatchObject({
        status: 429,
        body: { code: 'too_many_streams' },
      });
      const late = await WsClient.connect(limited.url);
      expect(await late.request({ type: 'auth', token: limited.key })).toMatchObject({
        type: 'error',
        code: 'too_many_streams',
        status: 429,
      });
      const { secret } = await giveKey(limited, { principalId: 'user:ada' });
      const other = await WsClient.connect(limited.url, { key: secret });
      await clients[0]?.close();
      expect(await late.request({ type: 'auth', token: limited.key })).toMatchObject({ type: 'hello' });
      for (const each of [late, other, clients[1]]) await each?.close();
    } finally {
      await limited.close();
    }
  });

  it('writes a ticket into no log', async () => {
    const lines: string[] = [];
    const write = (...parts: unknown[]) => void lines.push(inspect(parts, { depth: 10, maxStringLength: null }));
    const logger: LoggerService = { log: write, error: write, warn: write, debug: write, verbose: write, fatal: write };
    const database = await createDatabase(dialect);
    const { app: server, url } = await startServer(
      { PATH: process.env.PATH, HOME: database.dataDir, MUSTER_PORT: '0', MUSTER_LOG_LEVEL: 'trace', ...database.environment },
      logger,
    );
    try {
      const key = readFileSync(join(database.dataDir, 'admin.key'), 'utf8').trim();
      const response = await fetch(`${url}/api/tickets`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });
      const { ticket: given }: any = await response.json();
      const client = await WsClient.connect(url, { path: pathOf(given) });
      await client.close();
      await WsClient.refused(url, { path: pathOf(given) });
      await WsClient.refused(url, { path: pathOf(given), key });
      await WsClient.refused(url, { path: pathOf(given), headers: { origin: EVIL } });
      await WsClient.refused(url, { path: `/api/nothing?ticket=${given}` });
      for (const path of ['/api/me', '/api/ws', '/nothing']) await fetch(`${url}${path}?ticket=${given}`);
      await server.close();
      expect(lines.join('\n')).toContain('/api/tickets');
      expect(lines.filter((line) => line.includes(given) || line.includes(key))).toEqual([]);
    } finally {
      await server.close();
      await database.drop();
    }
  });
});
