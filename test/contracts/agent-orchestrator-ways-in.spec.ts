import { execFile } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { connect as connectTcp, createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { CompatPorts } from '../../src/compat/compat-ports.service.js';
import { AoClient, aoEvent, type AoSocket, text } from '../support/ao-client.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { giveKey, revokeKey } from '../support/principals.js';

const SYSTEM = 'agent-orchestrator';
const run = promisify(execFile);

/** Where a server serves the contract at its root. */
const nativeOf = (app: TestApp): string => app.get(CompatPorts).urls.get(SYSTEM) ?? '';

describe.each(DIALECTS)('the ways in for clients of agent-orchestrator on %s', (dialect) => {
  let app: TestApp;
  let native: string;
  const sockets: AoSocket[] = [];

  beforeAll(async () => {
    app = await TestApp.start(dialect, {
      MUSTER_COMPAT_PORTS: `${SYSTEM}:0`,
      MUSTER_COMPAT_TRUST: `${SYSTEM}=user:local`,
    });
    native = nativeOf(app);
  });
  afterAll(() => app?.close());
  afterEach(() => sockets.splice(0).forEach(({ socket }) => socket.terminate()));

  const socket = async (client: AoClient, headers: Record<string, string> = {}): Promise<AoSocket> => {
    const made = await client.socket(headers);
    sockets.push(made);
    return made;
  };

  it('the lines of the founding document run as they stand there', async () => {
    // Only where the port really is: everything else is to the letter.
    const port = new URL(native).port;
    const curl = async (...line: string[]) => {
      const { stdout } = await run('curl', ['-s', '-w', '\n%{http_code}', '--connect-to', `localhost:8765:127.0.0.1:${port}`, ...line]);
      const at = stdout.lastIndexOf('\n');
      return { status: Number(stdout.slice(at + 1)), body: JSON.parse(stdout.slice(0, at)) };
    };
    const session = {
      session_id: 'test-123',
      session_name: 'test',
      status: 'running',
      created_at: expect.any(String),
      project_dir: '/tmp',
      agent_name: null,
      last_resumed_at: null,
    };
    const json = ['-H', 'Content-Type: application/json'];
    const create = '{"session_id": "test-123", "session_name": "test", "project_dir": "/tmp"}';
    expect(await curl('-X', 'POST', 'http://localhost:8765/sessions', ...json, '-d', create)).toEqual({
      status: 200,
      body: { ok: true, session },
    });
    expect(await curl('http://localhost:8765/sessions/test-123')).toEqual({ status: 200, body: { session } });
    expect(await curl('http://localhost:8765/sessions/test-123/status')).toEqual({ status: 200, body: { status: 'running' } });
    const event =
      '{"event_type": "message", "session_id": "test-123", "session_name": "test", "timestamp": "2024-01-01T00:00:00Z", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]}';
    expect(await curl('-X', 'POST', 'http://localhost:8765/sessions/test-123/events', ...json, '-d', event)).toEqual({
      status: 200,
      body: { ok: true },
    });
    expect(await curl('http://localhost:8765/sessions/test-123/result')).toEqual({ status: 404, body: { detail: 'Session not finished' } });
    const stop = event.replace('message', 'session_stop').replace(/, "role".*/, '}');
    await curl('-X', 'POST', 'http://localhost:8765/sessions/test-123/events', ...json, '-d', stop);
    expect(await curl('http://localhost:8765/sessions/test-123/result')).toEqual({ status: 200, body: { result: 'Hello' } });
  });

  describe('the native port', () => {
    it('serves the contract at its root, and nothing else of this server', async () => {
      const client = new AoClient(native);
      expect((await client.get('/health')).body).toEqual({ status: 'healthy' });
      for (const path of ['/api/health', '/api/sessions', '/compat/agent-orchestrator/health', '/nothing', '/'])
        expect([path, (await client.get(path)).status, (await client.get(path)).body]).toEqual([path, 404, { detail: 'Not Found' }]);
      expect((await app.call('GET', '/health')).status).toBe(404);
    });

    it('has its WebSocket at /ws, and no other', async () => {
      const client = new AoClient(native);
      const watching = await socket(client);
      const { session } = (await client.post('/sessions', { session_id: 'native-ws', session_name: 'n' })).body;
      expect(await watching.untilTold(1)).toEqual([{ type: 'session_created', session }]);
      await expect(new AoClient(`${native}/api`).socket()).rejects.toThrow(/^404/);
      await expect(new AoClient(`${native}/x`).socket()).rejects.toThrow(/^404 \{"detail":"Not Found"\}/);
    });

    it('takes the same bodies, keeps connections alive, and answers what is no HTTP', async () => {
      const port = Number(new URL(native).port);
      const large = 'y'.repeat(2_000_000);
      const client = new AoClient(native);
      await client.post('/events', aoEvent('large', 'message', { role: 'assistant', content: large }));
      expect((await client.get('/events/large')).body.events[0].content.length).toBe(large.length);
      const raw = connectTcp(port, '127.0.0.1');
      let seen = '';
      raw.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      const ask = 'GET /health HTTP/1.1\r\nHost: localhost:8765\r\n\r\n';
      raw.write(ask + ask);
      await eventually(() => seen.split('healthy').length === 3);
      raw.write('nonsense\r\n\r\n');
      await eventually(() => seen.includes('400 Bad Request'));
      raw.destroy();
      const whole = await new Promise<number | undefined>((resolve, reject) =>
        httpRequest({ host: '127.0.0.1', port, path: 'http://localhost:8765/health' }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end(),
      );
      expect(whole).toBe(200);
    });

    it('answers to the same names as the server', async () => {
      const port = Number(new URL(native).port);
      const status = (host: string) =>
        new Promise<number | undefined>((resolve, reject) =>
          httpRequest({ host: '127.0.0.1', port, path: '/health', headers: { host } }, (response) => {
            response.resume();
            resolve(response.statusCode);
          })
            .on('error', reject)
            .end(),
        );
      expect(await status('localhost:8765')).toBe(200);
      expect(await status('evil.example:8765')).toBe(403);
    });
  });

  describe('trust', () => {
    it('takes a caller of this machine for the one it names, over HTTP and the WebSocket', async () => {
      const client = new AoClient(native);
      await client.post('/sessions', { session_id: 'trusted', session_name: 'n' });
      expect((await app.call('GET', '/api/sessions/ext:trusted')).body).toMatchObject({ ownerId: 'user:local' });
      const [entry] = (await app.call('GET', '/api/audit?name=session.created&limit=200')).body.items.filter(
        (each: any) => each.actor === 'user:local',
      );
      expect(entry).toBeDefined();
      await app.call('POST', '/api/sessions', { body: { runtime: 'external', name: 'not theirs' } });
      const { sessions } = (await client.get('/sessions')).body;
      expect(sessions.map((each: any) => each.session_name)).not.toContain('not theirs');
      expect((await socket(client)).init).toEqual(sessions);
    });

    it('is for the native port alone', async () => {
      expect((await new AoClient(`${app.url}/compat/${SYSTEM}`).get('/sessions')).status).toBe(401);
    });

    it.each(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'x-real-ip', 'via', 'cf-connecting-ip'])(
      'is not for whom a proxy speaks: %s',
      async (name) => {
        const headers = { [name]: '127.0.0.1' };
        const { status, body } = await new AoClient(native, headers).get('/sessions');
        expect([status, body]).toEqual([401, { detail: expect.any(String) }]);
        await expect(new AoClient(native, headers).socket()).rejects.toThrow(/^401/);
      },
    );

    it('gives way to credentials: good ones count, wrong ones are refused', async () => {
      const ada = (await giveKey(app, { principalId: 'user:ada' })).secret;
      for (const headers of [{ authorization: `Bearer ${ada}` }, { 'x-api-key': ada }] as Record<string, string>[]) {
        const session_id = `of-ada-${Math.random()}`;
        await new AoClient(native, headers).post('/sessions', { session_id, session_name: 'n' });
        expect((await app.call('GET', `/api/sessions/ext:${session_id}`)).body.ownerId).toBe('user:ada');
      }
      for (const headers of [
        { authorization: 'Bearer wrong' },
        { 'x-api-key': 'wrong' },
        { authorization: 'Basic YTpi' },
        { authorization: '' },
      ] as Record<string, string>[])
        expect([headers, (await new AoClient(native, headers).get('/sessions')).status]).toEqual([headers, 401]);
    });
  });

  describe('a key in the path', () => {
    it('is a credential on both ports, over HTTP and the WebSocket', async () => {
      const key = await giveKey(app, { principalId: 'user:grace' });
      for (const base of [`${app.url}/compat/${SYSTEM}/key/${key.secret}`, `${native}/key/${key.secret}`]) {
        const client = new AoClient(base);
        const session_id = `by-path-${Math.random()}`;
        const { session } = (await client.post('/sessions', { session_id, session_name: 'n' })).body;
        expect((await app.call('GET', `/api/sessions/ext:${session_id}`)).body.ownerId).toBe('user:grace');
        const watching = await socket(client);
        expect(watching.init).toContainEqual(session);
        await client.post(`/sessions/${session_id}/events`, aoEvent(session_id, 'message', { role: 'user', content: text('x') }));
        await watching.untilTold(1);
      }
      await revokeKey(app, key.id);
      expect((await new AoClient(`${native}/key/${key.secret}`).get('/sessions')).status).toBe(401);
    });

    it('is refused where it is none, and is none for the rest of the server', async () => {
      for (const key of ['wrong', 'mst_pat_000000000000000000000000000000000000', 'a%20b', '%E0%A4', '%00'])
        for (const base of [`${app.url}/compat/${SYSTEM}`, native]) {
          const { status, body } = await new AoClient(`${base}/key/${key}`).get('/sessions');
          expect([key, status, body]).toEqual([key, 401, { detail: expect.any(String) }]);
        }
      for (const path of [
        `/api/key/${app.key}/sessions`,
        `/key/${app.key}/api/sessions`,
        `/compat/other/key/${app.key}/sessions`,
        `/compat/${SYSTEM}/key/${app.key}`,
      ])
        expect([path, (await app.call('GET', path, { key: null })).status]).toEqual([path, 404]);
    });

    it('counts before what else a request brings', async () => {
      const ada = (await giveKey(app, { principalId: 'user:ada' })).secret;
      const ben = (await giveKey(app, { principalId: 'user:ben' })).secret;
      const client = new AoClient(`${app.url}/compat/${SYSTEM}/key/${ada}`, { authorization: `Bearer ${ben}`, 'x-api-key': ben });
      await client.post('/sessions', { session_id: 'two-keys', session_name: 'n' });
      expect((await app.call('GET', '/api/sessions/ext:two-keys')).body.ownerId).toBe('user:ada');
    });
  });

  it('a cookie is no credential here', async () => {
    const cookie = { cookie: `muster_session=${app.key}` };
    expect((await new AoClient(`${app.url}/compat/${SYSTEM}`, cookie).get('/sessions')).status).toBe(401);
    await expect(new AoClient(`${app.url}/compat/${SYSTEM}`, cookie).socket()).rejects.toThrow(/^401/);
  });

  it('limits count there as well', async () => {
    const limited = await TestApp.start(dialect, {
      MUSTER_COMPAT_PORTS: `${SYSTEM}:0`,
      MUSTER_COMPAT_TRUST: `${SYSTEM}=user:local`,
      MUSTER_LIMIT_READ_PER_MINUTE: '3',
      MUSTER_MAX_CONNECTIONS_PER_ADDRESS: '4',
      MUSTER_LIMIT_STREAMS_PER_PRINCIPAL: '1',
    });
    try {
      const client = new AoClient(nativeOf(limited), { connection: 'close' });
      const watching = await socket(client);
      await expect(client.socket()).rejects.toThrow(/^429 \{"detail":"/);
      watching.socket.terminate();
      const answers = [];
      for (let i = 0; i < 5; i++) answers.push((await client.get('/sessions')).status);
      expect(answers).toEqual([200, 200, 200, 429, 429]);
      const { headers, body } = await client.get('/sessions');
      expect([Number(headers.get('retry-after')) > 0, body]).toEqual([true, { detail: expect.any(String) }]);
      const port = Number(new URL(nativeOf(limited)).port);
      const held = Array.from({ length: 8 }, () => connectTcp(port, '127.0.0.1').on('error', () => undefined));
      await eventually(() => held.filter(({ closed, destroyed }) => closed || destroyed).length >= 4);
      held.forEach((each) => each.destroy());
    } finally {
      await limited.close();
    }
  });

  it('closes with the server, and is refused at start where the port is taken', async () => {
    const other = await TestApp.start(dialect, { MUSTER_COMPAT_PORTS: `${SYSTEM}:0`, MUSTER_COMPAT_TRUST: `${SYSTEM}=admin` });
    const taken = new URL(nativeOf(other)).port;
    const watching = await socket(new AoClient(nativeOf(other)));
    await expect(TestApp.start(dialect, { MUSTER_COMPAT_PORTS: `${SYSTEM}:${taken}` })).rejects.toThrow(
      `MUSTER_COMPAT_PORTS: can't listen on 127.0.0.1:${taken} for agent-orchestrator (EADDRINUSE).`,
    );
    await other.close();
    await eventually(() => watching.closed === 1001);
    const free: Server = createServer();
    await new Promise<void>((resolve, reject) => free.once('error', reject).listen(Number(taken), '127.0.0.1', resolve));
    await new Promise((resolve) => free.close(resolve));
  });
});
