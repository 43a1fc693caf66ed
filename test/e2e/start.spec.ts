import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ServerProcess } from '../support/server-process.js';

const MAIN = resolve(__dirname, '../../dist/src/main.js');
const directory = () => mkdtempSync(join(tmpdir(), 'muster-start-'));

/** Starts a server that is to refuse, and gives what it said. */
function refusedStart(environment: Record<string, string>): { code: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, MUSTER_PORT: '0', MUSTER_LOG_LEVEL: 'silent', MUSTER_DATA_DIR: directory(), ...environment },
    encoding: 'utf8',
    timeout: 30_000,
    cwd: directory(),
  });
  return { code: status, said: stderr };
}

describe('a start', () => {
  it('refuses a data directory that another server uses, and takes it once that one was killed', async () => {
    const environment = { MUSTER_DATA_DIR: directory() };
    const first = await ServerProcess.start(environment);
    const second = refusedStart(environment);
    expect(second.code).toBe(1);
    expect(second.said).toBe(
      `muster: Another Muster server uses ${environment.MUSTER_DATA_DIR} (process ${first.child.pid}). Stop it, or set MUSTER_DATA_DIR to another directory.\n`,
    );
    await first.end('SIGKILL');
    const third = await ServerProcess.start(environment);
    expect(await third.end()).toBe(0);
  }, 60_000);

  it('keeps what agents did from other users of the machine', async () => {
    const dataDir = directory();
    chmodSync(dataDir, 0o755);
    const server = await ServerProcess.start({ MUSTER_DATA_DIR: dataDir });
    await server.end();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('stops taking requests at SIGTERM, and answers those under way', async () => {
    const server = await ServerProcess.start({ MUSTER_DATA_DIR: directory() });
    let answered = 0;
    const clients = Array.from({ length: 6 }, async () => {
      for (;;) {
        try {
          const { status } = await server.call('POST', '/api/sessions', { runtime: 'external' });
          expect(status).toBe(201);
          answered++;
        } catch {
          return;
        }
      }
    });
    await eventually(() => answered > 20);
    const before = performance.now();
    expect(await server.end()).toBe(0);
    await Promise.all(clients);
    expect(performance.now() - before).toBeLessThan(9_000);
  }, 30_000);

  (DIALECTS.includes('postgres') ? it : it.skip)(
    'refuses a PostgreSQL database that another server works on',
    async () => {
      const database = await createDatabase('postgres');
      const first = await ServerProcess.start(database.environment);
      const { code, said } = refusedStart({ ...database.environment, MUSTER_DATA_DIR: directory() });
      expect(code).toBe(1);
      expect(said).toMatch(/^muster: MUSTER_DATABASE_URL: another Muster server works on this database\. Stop it/);
      await first.end('SIGKILL');
      const next = await ServerProcess.start({ ...database.environment, MUSTER_DATA_DIR: directory() });
      expect(await next.end()).toBe(0);
      await database.drop();
    },
    60_000,
  );

  it('refuses a port in use and names the variable', async () => {
    const blocker = createServer();
    await new Promise<void>((done) => blocker.listen(0, '127.0.0.1', done));
    const address = blocker.address();
    const port = typeof address === 'object' && address ? String(address.port) : '';
    const { code, said } = refusedStart({ MUSTER_PORT: port });
    blocker.close();
    expect({ code, said }).toEqual({
      code: 1,
      said: `muster: MUSTER_PORT: 127.0.0.1:${port} is in use. Stop what listens there, or set MUSTER_PORT to another port.\n`,
    });
  });

  it('tries an unreachable database for a bounded time, then names it without its password', () => {
    const { code, said } = refusedStart({
      MUSTER_DATABASE_URL: 'postgres://user:geheim@127.0.0.1:1/nowhere',
      MUSTER_DATABASE_CONNECT_TIMEOUT_MS: '700',
    });
    expect(code).toBe(1);
    expect(said).toMatch(/^muster: The database 127\.0\.0\.1:1\/nowhere cannot be used: .*ECONNREFUSED.*MUSTER_DATABASE_URL/);
    expect(said).not.toContain('geheim');
  });

  it.each([
    [{ MUSTER_PORT: 'x' }, /^muster: MUSTER_PORT: "x" is not a whole number/],
    [{ MUSTER_AUTH: 'off', MUSTER_HOST: '0.0.0.0' }, /^muster: MUSTER_AUTH: .*loopback/],
    [{ MUSTER_AGENTS_FILE: '/nowhere/agents.json' }, /MUSTER_AGENTS_FILE.*\/nowhere\/agents.json/],
    [{ MUSTER_DATA_DIR: '/proc/nowhere' }, /^muster: MUSTER_DATA_DIR: \/proc\/nowhere can't be used/],
  ])('says what is wrong with %j, without a stack', (environment, message) => {
    const { code, said } = refusedStart(environment);
    expect(code).toBe(1);
    expect(said).toMatch(message);
    expect(said).not.toMatch(/\n\s+at /);
  });

  it('makes an admin key that only its user can read, and keeps it so', async () => {
    const dataDir = directory();
    const first = await ServerProcess.start({ MUSTER_DATA_DIR: dataDir });
    await first.end();
    const file = join(dataDir, 'admin.key');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(first.key).toMatch(/^mst_adm_[0-9A-Za-z]{36}$/);
    chmodSync(file, 0o644);
    const second = await ServerProcess.start({ MUSTER_DATA_DIR: dataDir });
    expect(second.key).toBe(first.key);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(first.log + second.log).not.toContain(first.key);
    await second.end();
  }, 60_000);

  it('reads .env in its working directory', () => {
    const cwd = directory();
    writeFileSync(join(cwd, '.env'), 'MUSTER_LOG_LEVEL=loud\n');
    const { stderr } = spawnSync(process.execPath, [MAIN], { env: { PATH: process.env.PATH }, encoding: 'utf8', timeout: 30_000, cwd });
    expect(stderr).toContain('MUSTER_LOG_LEVEL: "loud" is not known');
    expect(existsSync(join(cwd, '.muster'))).toBe(false);
  });

  it('signs a browser in once by its link', async () => {
    const app = await TestApp.start('sqlite');
    const { BrowserLogins } = await import('../../src/auth/browser-logins.service.js');
    const code = app.get(BrowserLogins).newCode();
    const answer = await app.call('GET', `/api/login?code=${code}`, { key: null });
    expect(answer.status).toBe(303);
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/^muster_session=mst_web_\w+; .*HttpOnly; SameSite=Strict/);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect(await app.call('GET', '/api/me', { key: null, headers })).toMatchObject({ status: 200, body: { id: 'admin' } });
    expect(await app.call('POST', '/api/sessions', { key: null, headers, body: { runtime: 'external' } })).toMatchObject({
      status: 403,
      body: { code: 'origin_not_allowed' },
    });
    const create = (more: Record<string, string>) =>
      app.call('POST', '/api/sessions', { key: null, headers: { ...headers, origin: app.url, ...more }, body: { runtime: 'external' } });
    expect(await create({})).toMatchObject({ status: 403, body: { code: 'csrf_token' } });
    expect(await create({ 'x-csrf-token': 'f'.repeat(32) })).toMatchObject({ status: 403, body: { code: 'csrf_token' } });
    const token = /muster_csrf=(\w+); /.exec(cookie)?.[1] ?? '';
    expect(await create({ 'x-csrf-token': token })).toMatchObject({ status: 201 });
    expect(await app.call('GET', `/api/login?code=${code}`, { key: null })).toMatchObject({ status: 401 });
    await app.close();
  });
});
