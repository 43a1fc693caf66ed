import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { WebSocket } from 'ws';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { IdentityProvider } from '../support/identity-provider.js';
import { Planted } from '../support/planted.js';
import { ServerProcess } from '../support/server-process.js';

interface Sent {
  readonly key?: string | null;
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Record<string, string>;
  /** Secrets that its answer gives out. */
  readonly gives?: readonly string[];
}

/**
 * One story that touches everything, on a server of its own with the most talkative log; then a search for every secret it had to
 * do with, in everything that came out of it.
 */
describe.each(DIALECTS)('secrets on %s', (dialect) => {
  const planted = new Planted();
  let database: TestDatabase;
  let provider: IdentityProvider;
  let server: ServerProcess;

  const call = async (method: string, path: string, { key = null, body, raw, headers = {}, gives = [] }: Sent = {}) => {
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined && raw === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
    const text = await response.text();
    const head = JSON.stringify([...response.headers]);
    return { status: response.status, text, head, response, gives };
  };

  beforeAll(async () => {
    database = await createDatabase(dialect);
    provider = await IdentityProvider.start();
  });
  afterAll(async () => {
    await server?.end('SIGKILL');
    await provider?.down();
    await database?.drop();
  });

  it('are nowhere but where they belong', async () => {
    const adminKey = planted.make('the admin key');
    const profileSecret = planted.make('a secret in the environment of an agent profile');
    const serverSecret = planted.make('a secret in the environment of the server');
    const agentsFile = join(database.dataDir, 'agents.json');
    const broken = {
      name: 'broken',
      runtime: 'acp',
      command: [process.execPath, '-e', 'process.exit(3)'],
      env: { PROFILE_SECRET: profileSecret },
    };
    writeFileSync(agentsFile, JSON.stringify({ agents: [broken] }), { mode: 0o600 });
    server = await ServerProcess.start({
      ...database.environment,
      ...databaseWithPassword(database, planted),
      MUSTER_ADMIN_KEY: adminKey,
      MUSTER_LOG_LEVEL: 'trace',
      MUSTER_AGENTS_FILE: agentsFile,
      MUSTER_OIDC_ISSUER: provider.issuer,
      MUSTER_OIDC_AUDIENCE: provider.audience,
      SOME_CLOUD_SECRET: serverSecret,
    });
    const loginCode = planted.note('the login code', /login\?code=(\w+)/.exec(server.log)?.[1] ?? '');

    /** A call whose answer must hold no secret but what it is there to give. */
    const send = async (method: string, path: string, sent: Sent = {}, status?: number) => {
      const answer = await call(method, path, { key: adminKey, ...sent });
      if (status !== undefined && answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return answer;
    };
    const quiet = async (method: string, path: string, sent: Sent = {}, status?: number) => {
      const { text, head, ...rest } = await send(method, path, sent, status);
      planted.saw('answers', `${method}: ${text}\n${head}\n`);
      return { ...rest, body: /json/.test(head) && !/ndjson/.test(head) && text ? JSON.parse(text) : text };
    };

    // Keys are shown once, when they are given.
    const give = async (name: string, body: object) => {
      const { text, head } = await send('POST', '/api/keys', { body }, 201);
      const given = JSON.parse(text);
      planted.note(name, given.secret);
      planted.saw('answers', `${text}\n${head}\n`, [name]);
      return given;
    };
    const personal = await give('a personal key', { name: 'laptop', principalId: 'user:ada' });
    const service = await give('a service key', { kind: 'service', name: 'ci', principalId: 'service:ci', scopes: ['sessions:read'] });
    const rotation = await send('POST', `/api/keys/${service.id}/rotate`, { body: {} }, 201);
    planted.note('a rotated key', JSON.parse(rotation.text).secret);
    await quiet('GET', '/api/keys', {}, 200);
    await quiet('GET', '/api/me', { key: personal.secret }, 200);
    await quiet('GET', '/api/me', { key: service.secret }, 401);

    // A browser.
    const login = await send('GET', `/api/login?code=${loginCode}`, { key: null }, 303);
    const cookies = login.response.headers.getSetCookie().map((each) => each.split(';')[0] ?? '');
    const [cookie = '', csrf = ''] = cookies.map((each) => each.split('=')[1] ?? '');
    planted.note('the cookie', cookie);
    planted.note('the CSRF token', csrf);
    planted.saw('answers', `${login.text}\n${login.head}\n`, ['the cookie', 'the CSRF token']);
    const browser = { key: null, headers: { cookie: cookies.join('; '), origin: server.url } };
    const me = await send('GET', '/api/me', browser, 200);
    planted.saw('answers', me.text, ['the CSRF token']);
    await quiet('POST', '/api/sessions', { ...browser, body: { runtime: 'external' } }, 403);
    await quiet(
      'POST',
      '/api/sessions',
      { ...browser, headers: { ...browser.headers, 'x-csrf-token': csrf }, body: { runtime: 'external' } },
      201,
    );
    await quiet('GET', `/api/login?code=${loginCode}`, { key: null }, 401);
    await quiet('GET', `/api/login?code=${planted.make('a wrong login code')}`, { key: null }, 401);

    // Tokens of the provider: good, over, of another key, and while it is down.
    const token = planted.note('an OIDC token', await provider.token({ sub: 'grace' }));
    const over = planted.note('an expired OIDC token', await provider.token({ exp: 1 }));
    const forged = planted.note('a forged OIDC token', await provider.token({}, { key: await IdentityProvider.newKey('other') }));
    await provider.down();
    await quiet('GET', '/api/me', { key: token }, 503);
    await provider.up();
    await eventually(async () => (await quiet('GET', '/api/me', { key: token })).status === 200);
    for (const key of [over, forged]) await quiet('GET', '/api/me', { key }, 401);

    // Secrets where they don't belong.
    for (const [name, headers] of [
      ['a wrong bearer', (secret: string) => ({ authorization: `Bearer ${secret}` })],
      ['a basic password', (secret: string) => ({ authorization: `Basic ${Buffer.from(`ada:${secret}`).toString('base64')}` })],
      ['a bearer of two words', (secret: string) => ({ authorization: `Bearer ${secret} ${secret}` })],
      ['a wrong X-API-Key', (secret: string) => ({ 'x-api-key': secret })],
      ['a wrong cookie', (secret: string) => ({ cookie: `muster_session=${secret}` })],
    ] as const)
      await quiet('GET', '/api/sessions', { key: null, headers: headers(planted.make(name)) }, 401);
    await quiet('GET', `/api/sessions?access_token=${planted.make('a secret in a query')}`, {}, 400);
    await quiet('GET', `/api/health?key=${planted.make('a secret in the query of a public route')}`);
    await quiet('GET', `/nowhere/${planted.make('a secret in an unknown path')}`, {}, 404);
    // An id that names nothing is told to the caller who sent it, and to nobody else.
    await send('GET', `/api/sessions/${planted.make('a secret in a path')}`, {}, 404);
    await quiet('POST', '/api/sessions', { raw: `{"token": ${planted.make('a secret in bad JSON')}` }, 400);
    await quiet('POST', '/api/sessions', { raw: `{"agent": "demo", "prompt": "${planted.make('a secret in cut JSON')}` }, 400);
    await quiet('POST', '/api/sessions', { body: { [planted.make('x').slice(0, 3)]: planted.make('a secret in an unknown field') } }, 400);
    await quiet('POST', '/api/sessions', { body: { agent: 5, prompt: planted.make('a secret in a refused body') } }, 400);
    await quiet('POST', '/api/sessions', { raw: planted.make('a secret in a text'), headers: { 'content-type': 'text/plain' } }, 415);
    await quiet('GET', '/api/sessions', {
      headers: { origin: 'https://evil.example', 'x-request-id': planted.make('a request id').slice(0, 6) },
    });

    // A session of the demo agent, with a key of its own and a server of tools that needs a password.
    const root = join(database.dataDir, 'project');
    mkdirSync(root);
    const workspace = (await quiet('POST', '/api/workspaces', { body: { path: realpathSync(root), name: 'canary workspace' } }, 201)).body;
    await quiet('PUT', `/api/workspaces/${workspace.id}/members/user:ada`, { body: { role: 'editor' } }, 200);
    const toolSecret = planted.make('a secret of a tool server');
    const mcpServers = [{ name: 'tools', command: '/bin/true', args: [], env: [{ name: 'TOOL_TOKEN', value: toolSecret }] }];
    const wanted = {
      agent: 'demo',
      workspaceId: workspace.id,
      name: 'canary session',
      policy: 'allow-all',
      prompt: 'say:canary event\nrun:echo canary output',
    };
    const session = (await quiet('POST', '/api/sessions', { key: personal.secret, body: { ...wanted, mcpServers } }, 201)).body;
    const status = async (id: string) => (await quiet('GET', `/api/sessions/${id}`)).body;
    const idle = await eventually(
      () => status(session.id),
      (each) => ['idle', 'failed'].includes(each.status),
      30_000,
    );
    expect(idle.status).toBe('idle');
    const environment = readFileSync(`/proc/${idle.processId}/environ`, 'utf8');
    const agentToken = planted.note('the token of an agent', /MUSTER_TOKEN=([^\0]+)/.exec(environment)?.[1] ?? '');
    planted.saw('the environment of an agent', environment, ['the token of an agent']);
    planted.saw('the command line of an agent', readFileSync(`/proc/${idle.processId}/cmdline`, 'utf8'));
    planted.saw('the command line of the server', readFileSync(`/proc/${server.child.pid}/cmdline`, 'utf8'));
    await quiet('GET', `/api/sessions/${session.id}`, { key: agentToken }, 200);
    await quiet('GET', '/api/audit', { key: agentToken }, 403);
    await quiet('POST', `/api/sessions/${session.id}/input`, { key: personal.secret, body: { content: 'fail:the canary fails' } }, 202);
    await eventually(
      () => status(session.id),
      (each) => each.status === 'failed',
      30_000,
    );
    const failed = (await quiet('POST', '/api/sessions', { body: { agent: 'broken', workspaceId: workspace.id, prompt: 'x' } }, 201)).body;
    await eventually(
      () => status(failed.id),
      (each) => each.status === 'failed',
      30_000,
    );
    await quiet('GET', `/api/sessions/${session.id}`, { key: agentToken }, 401);
    await quiet('GET', '/api/agents', {}, 200);

    // WebSockets: with a key, a ticket, a first frame, and with wrong ones.
    const ticketAnswer = await send('POST', '/api/tickets', { key: personal.secret });
    const ticket = planted.note('a ticket', JSON.parse(ticketAnswer.text).ticket);
    planted.saw('answers', ticketAnswer.text, ['a ticket']);
    const auth = (key: string) => ({ type: 'auth', id: 1, token: key });
    planted.saw(
      'frames',
      await frames(
        '/api/ws',
        [
          { type: 'subscribe', feed: true },
          { type: 'subscribe', all: true },
        ],
        { authorization: `Bearer ${adminKey}` },
      ),
    );
    planted.saw('frames', await frames(`/api/ws?ticket=${ticket}`, [{ type: 'subscribe', all: true }]));
    planted.saw('frames', await frames(`/api/ws?ticket=${ticket}`, []));
    planted.saw(
      'frames',
      await frames('/api/ws', [auth(personal.secret), { type: 'subscribe', sessionId: session.id }, auth(personal.secret)]),
    );
    planted.saw('frames', await frames('/api/ws', [auth(planted.make('a wrong token in a frame'))]));
    planted.saw('frames', await frames('/api/ws', [{ type: 'auth', token: [planted.make('a token of the wrong type')] }]));
    planted.saw(
      'frames',
      await frames('/api/ws', [auth(adminKey), { type: 'ping', secret: planted.make('a secret in an unknown field of a frame') }]),
    );
    planted.saw('frames', await frames('/api/ws', [`{"type":"auth","token":"${planted.make('a secret in a broken frame')}`]));
    planted.saw('frames', await frames('/api/ws', [], { cookie: `muster_session=${cookie}` }));
    planted.saw('frames', await frames('/api/ws', [], { authorization: `Bearer ${planted.make('a wrong bearer of an upgrade')}` }));

    // All that can be read, in every way.
    for (const { id } of (await quiet('GET', '/api/sessions?limit=200')).body.items)
      planted.saw('session events', (await send('GET', `/api/sessions/${id}/events?after=0&limit=1000`, {}, 200)).text);
    planted.saw('the feed', (await send('GET', '/api/feed?limit=1000', {}, 200)).text);
    planted.saw('server-sent events', await firstOf(`/api/sessions/${session.id}/events/stream?after=0`, 'caught_up', adminKey));
    planted.saw('server-sent events', await firstOf('/api/feed/stream?after=0', 'caught_up', adminKey));
    planted.saw('the audit', (await send('GET', '/api/audit?limit=1000', {}, 200)).text);
    planted.saw('the exported audit', (await send('GET', '/api/audit/export', {}, 200)).text);
    planted.saw('metrics', (await send('GET', '/api/metrics', {}, 200)).text);
    for (const path of ['/api/health', '/api/health/ready', '/api/openapi.json']) planted.saw('pages', (await send('GET', path)).text);
    await quiet('DELETE', `/api/keys/${personal.id}`, {}, 200);
    await quiet('GET', '/api/me', { key: personal.secret }, 401);
    planted.saw('the database', await everythingIn(database), ['a secret of a tool server']);
    expect(await server.end()).toBe(0);
    const greeting = server.log.match(/^.*login\?code=\w+.*$/m)?.[0] ?? '';
    planted.saw('the log', server.log.replace(greeting, ''));
    for (const [file, text] of filesOf(database.dataDir))
      planted.saw(`the file ${file}`, text, file.startsWith('muster.db') ? ['a secret of a tool server'] : []);

    // What was searched is really there, in full.
    expect(planted.text('the log')).toContain('"level":"debug"');
    expect(planted.text('the log')).toMatch(/"route":"\/api\/sessions\/:id"/);
    for (const where of ['session events', 'server-sent events', 'frames']) expect(planted.text(where)).toContain('canary event');
    for (const where of ['the feed', 'the audit', 'the exported audit', 'frames', 'the database'])
      expect(planted.text(where)).toContain('canary session');
    expect(planted.text('metrics')).toContain('muster_sessions');
    expect(planted.names.length).toBeGreaterThan(30);
    expect(planted.found()).toEqual([]);
  }, 120_000);

  /** Opens a WebSocket, sends, and gives all that came until each was answered, and each subscription caught up. */
  const frames = (path: string, sends: readonly (object | string)[], headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(server.url.replace(/^http/, 'ws') + path, { headers });
      let text = '';
      const due = dueAnswers(sends);
      socket.on('open', () => sends.forEach((each) => socket.send(typeof each === 'string' ? each : JSON.stringify(each))));
      socket.on('message', (data: Buffer) => {
        text += `${data.toString()}\n`;
        const frame = JSON.parse(data.toString());
        const met = due.findIndex((isMet) => isMet(frame));
        if (met >= 0) due.splice(met, 1);
        if (due.length === 0) socket.close();
      });
      socket.on('unexpected-response', (_request, response) => {
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(`${text}\n${JSON.stringify(response.headers)}`));
      });
      socket.on('error', () => undefined);
      socket.on('close', (code, reason) => resolve(`${text}\n${code} ${reason.toString()}`));
    });

  /** A stream up to the first frame of this type. */
  const firstOf = async (path: string, type: string, key: string): Promise<string> => {
    const controller = new AbortController();
    const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${key}` }, signal: controller.signal });
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes(`event: ${type}`)) break;
    }
    controller.abort();
    return text;
  };
});

type IsMet = (frame: { type: string; feed?: boolean; subscription?: string; sessionId?: string }) => boolean;

/** What must have come before nothing more is due. */
function dueAnswers(sends: readonly (object | string)[]): IsMet[] {
  const answer: IsMet = ({ type }) => ['hello', 'error', 'pong'].includes(type);
  if (sends.length === 0) return [answer];
  return sends.map((each): IsMet => {
    if (typeof each === 'string' || !('type' in each) || each.type !== 'subscribe') return answer;
    const target = 'feed' in each ? 'feed' : 'all' in each ? 'subscription' : 'sessionId';
    return (frame) => frame.type === 'caught_up' && frame[target] !== undefined;
  });
}

/** PostgreSQL that trusts its own machine takes any password: ours is planted. */
function databaseWithPassword({ dialect, environment }: TestDatabase, planted: Planted): Record<string, string> {
  if (dialect === 'sqlite') return {};
  const url = new URL(environment.MUSTER_DATABASE_URL ?? '');
  if (url.password.length >= 16) planted.note('the password of the database', url.password);
  else if (url.password === '') url.password = planted.make('the password of the database');
  return { MUSTER_DATABASE_URL: url.href };
}

/** The rows of all tables, as text; the files of SQLite are read as they are. */
async function everythingIn({ dialect, environment, dataDir }: TestDatabase): Promise<string> {
  if (dialect === 'sqlite')
    return filesOf(dataDir)
      .flatMap(([name, text]) => (name.startsWith('muster.db') ? text : []))
      .join('\n');
  const client = new Client({ connectionString: environment.MUSTER_DATABASE_URL });
  await client.connect();
  try {
    const { rows } = await client.query("select tablename from pg_tables where schemaname = 'public'");
    let text = '';
    for (const { tablename } of rows)
      for (const { row } of (await client.query(`select t::text as row from "${tablename}" t`)).rows) text += `${row}\n`;
    return text;
  } finally {
    await client.end();
  }
}

/** What lies in the data directory, but for what the test itself put there. */
function filesOf(directory: string): [string, string][] {
  return readdirSync(directory)
    .filter((name) => name !== 'agents.json' && statSync(join(directory, name)).isFile())
    .map((name) => [name, readFileSync(join(directory, name), 'latin1')]);
}
