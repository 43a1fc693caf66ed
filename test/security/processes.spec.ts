import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PathRules } from '../../src/workspaces/path-rules.js';
import { TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ServerProcess } from '../support/server-process.js';
import { untilStatus } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

const ROOT = resolve(__dirname, '../..');
const HOSTILE = [
  '$(touch CANARY)',
  '`touch CANARY`',
  '; touch CANARY',
  '| touch CANARY',
  '--eval=require("fs").writeFileSync("CANARY","")',
  '\n touch CANARY',
];

const environmentOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\0')
      .filter(Boolean)
      .map((each): [string, string] => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  );

describe('the environment of an agent', () => {
  const PLANTED = 'planted-7f3a';
  const planted: Record<string, string> = {
    AWS_SECRET_ACCESS_KEY: `${PLANTED}-aws`,
    ANTHROPIC_API_KEY: `${PLANTED}-anthropic`,
    DATABASE_URL: `postgres://user:${PLANTED}-url@127.0.0.1/x`,
    GIT_ASKPASS: `/tmp/${PLANTED}-askpass`,
    LD_LIBRARY_PATH: `/tmp/${PLANTED}-lib`,
    MUSTER_ADMIN_KEY: `${PLANTED}-admin-key-of-more-than-32-characters`,
    MUSTER_OIDC_ROLE_CLAIM: `${PLANTED}-claim`,
    NODE_OPTIONS: `--title=${PLANTED}-title`,
    PGPASSWORD: `${PLANTED}-pg`,
    SSH_AUTH_SOCK: `/tmp/${PLANTED}-agent`,
    lower_case: `${PLANTED}-lower`,
    npm_config__auth: `${PLANTED}-npm`,
  };
  const inherited = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TERM'];
  const own = ['MUSTER_URL', 'MUSTER_SESSION_ID', 'MUSTER_TOKEN', 'MUSTER_NODE_ID'];

  let database: TestDatabase;
  let server: ServerProcess;
  let projectDir: string;

  beforeAll(async () => {
    database = await createDatabase('sqlite');
    projectDir = join(realpathSync(database.dataDir), 'project');
    mkdirSync(projectDir);
    const agents = [{ name: 'probe', runtime: 'process', command: ['env', '-0'], env: { FROM_PROFILE: 'yes' }, versionCommand: null }];
    writeFileSync(join(database.dataDir, 'agents.json'), JSON.stringify({ agents }));
    server = await ServerProcess.start({
      ...database.environment,
      ...planted,
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      ALLOWED_BY_NAME: 'passes',
      MUSTER_AGENTS_FILE: join(database.dataDir, 'agents.json'),
      MUSTER_AGENT_ENV_ALLOW: 'ALLOWED_BY_NAME,NOT_THERE',
    });
  });
  afterAll(async () => {
    await server?.end();
    await database?.drop();
  });

  const run = async (body: object) => {
    const { status, body: session } = await server.call('POST', '/api/sessions', { projectDir, policy: 'allow-all', ...body });
    expect({ status, session }).toMatchObject({ status: 201 });
    return untilStatus(() => server.call('GET', `/api/sessions/${session.id}`), 'idle', 'failed');
  };

  const expectAllowed = (environment: Map<string, string>, more: readonly string[], sessionId: string): void => {
    const allowed = [...inherited, ...own, 'ALLOWED_BY_NAME', ...more];
    expect([...environment.keys()].filter((name) => !allowed.includes(name))).toEqual([]);
    expect([...environment].filter(([, value]) => value.includes(PLANTED))).toEqual([]);
    expect(Object.fromEntries(environment)).toMatchObject({
      ALLOWED_BY_NAME: 'passes',
      LANG: 'C.UTF-8',
      MUSTER_SESSION_ID: sessionId,
      MUSTER_URL: server.url,
    });
    expect(environment.get('MUSTER_TOKEN')).toMatch(/^mst_ses_/);
  };

  it('is an allow-list for a process that lives with its session, and for what it starts', async () => {
    // The server itself has them, or this would show nothing.
    expect(readFileSync(`/proc/${server.child.pid}/environ`, 'utf8').split(PLANTED).length - 1).toBe(Object.keys(planted).length);
    const session = await run({ agent: 'demo', prompt: 'run:env -0 > seen' });
    expect(session.status).toBe('idle');
    expectAllowed(environmentOf(readFileSync(`/proc/${session.processId}/environ`, 'utf8')), [], session.id);
    const started = environmentOf(readFileSync(join(projectDir, 'seen'), 'utf8'));
    expectAllowed(
      started,
      [...started.keys()].filter((name) => ['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)),
      session.id,
    );
    await server.call('POST', `/api/sessions/${session.id}/stop`);
  });

  it('is an allow-list for a command of a turn, with what its profile adds', async () => {
    const session = await run({ agent: 'probe', prompt: 'x' });
    const { items } = (await server.call('GET', `/api/sessions/${session.id}/events?limit=1000`)).body;
    const output = items
      .filter(({ type }: any) => type === 'log')
      .map(({ payload }: any) => payload.text)
      .join('');
    const environment = environmentOf(output.replaceAll('\\u0000', '\0').replaceAll('\ufffd', '\0'));
    expectAllowed(environment, ['FROM_PROFILE'], session.id);
    expect(environment.get('FROM_PROFILE')).toBe('yes');
  });
});

describe('the command of an agent', () => {
  let app: TestApp;
  let projectDir: string;
  const canary = () => readdirSync(projectDir).filter((name) => name.includes('CANARY'));

  beforeAll(async () => {
    app = await TestApp.start('sqlite');
    projectDir = join(realpathSync(app.database.dataDir), 'project');
    mkdirSync(projectDir);
  });
  afterAll(() => app?.close());

  const NAMES =
    /^(command|commands|cmd|args|argv|arguments|env|environment|program|executable|binary|shell|cwd|interpreter|nodeoptions|profile)$/i;

  /** Where an agent that somebody else started says it works: nothing is started there but by the path rules. */
  const REPORTED = ['post /api/hooks/{agent}.cwd'];

  it('has no field in any request or frame', () => {
    const found: string[] = [];
    const walk = (document: any, schema: any, where: string, seen: Set<unknown>): void => {
      if (typeof schema !== 'object' || schema === null || seen.has(schema)) return;
      seen.add(schema);
      if (typeof schema.$ref === 'string')
        walk(
          document,
          schema.$ref
            .replace(/^#\//, '')
            .split('/')
            .reduce((at: any, part: string) => at?.[part], document),
          where,
          seen,
        );
      for (const [name, property] of Object.entries<any>(schema.properties ?? {})) {
        if (NAMES.test(name)) found.push(`${where}.${name}`);
        walk(document, property, `${where}.${name}`, seen);
      }
      for (const each of [
        schema.items,
        schema.additionalProperties,
        ...(schema.anyOf ?? []),
        ...(schema.oneOf ?? []),
        ...(schema.allOf ?? []),
      ])
        walk(document, each, where, seen);
    };
    const read = (name: string): any => JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
    const openapi = read('openapi.json');
    let bodies = 0;
    for (const [path, methods] of Object.entries<any>(openapi.paths))
      for (const [method, operation] of Object.entries<any>(methods)) {
        bodies += operation.requestBody ? 1 : 0;
        walk(openapi, operation.requestBody?.content?.['application/json']?.schema, `${method} ${path}`, new Set());
        for (const parameter of operation.parameters ?? [])
          if (NAMES.test(parameter.name)) found.push(`${method} ${path}?${parameter.name}`);
      }
    const asyncapi = read('asyncapi.json');
    const requests = Object.entries<any>(asyncapi.components.schemas).filter(([name]) => name.startsWith('request.'));
    for (const [name, schema] of requests) walk(asyncapi, schema, name, new Set());
    expect(found).toEqual(REPORTED);
    expect([bodies, requests.length]).toEqual([expect.any(Number), expect.any(Number)]);
    expect(Math.min(bodies, requests.length)).toBeGreaterThan(5);
  });

  it('is refused in every request that tries to bring one, and in frames too', async () => {
    const tries: Record<string, unknown>[] = [
      { command: ['sh', '-c', 'touch CANARY'] },
      { command: 'touch CANARY' },
      { args: ['-e', 'require("fs").writeFileSync("CANARY","")'] },
      { env: { NODE_OPTIONS: '--require /tmp/x' } },
      { program: '/bin/sh' },
      { shell: true },
      { cwd: '/' },
      { profile: { name: 'x', runtime: 'process', command: ['touch', 'CANARY'] } },
      { runtime: 'process' },
      { runtime: 'terminal' },
      { isolation: 'sh' },
      { agent: { name: 'demo', command: ['sh'] } },
      { agent: ['sh'] },
      { __proto__: { command: ['sh'] }, constructor: { command: ['sh'] } },
    ];
    const client = await WsClient.connect(app.url, { key: app.key });
    for (const each of tries) {
      const body = { agent: 'demo', projectDir, prompt: 'say:hi', policy: 'allow-all', ...each };
      const answer = await app.call('POST', '/api/sessions', { body });
      expect([each, answer.status]).toEqual([each, 400]);
      expect([each, await client.request({ type: 'session.create', ...body })]).toEqual([
        each,
        expect.objectContaining({ type: 'error', status: 400 }),
      ]);
    }
    await client.close();
    for (const agent of [
      'sh',
      '/bin/sh',
      '../../../bin/sh',
      'demo;sh',
      'demo --eval x',
      'DEMO',
      'demo\n',
      'demo\u0000',
      '',
      '__proto__',
      'constructor',
    ]) {
      const answer = await app.call('POST', '/api/sessions', { body: { agent, projectDir, prompt: 'hi' } });
      expect([agent, answer.status]).toEqual([agent, 400]);
    }
    expect((await app.call('GET', '/api/sessions?total=true')).body.total).toBe(0);
    expect(canary()).toEqual([]);
  });

  it('is that of its profile to the letter, whatever stands in the fields there are', async () => {
    const plain = await app.call('POST', '/api/sessions', { body: { agent: 'demo', projectDir } });
    const commandOf = async (id: string): Promise<string> => {
      const session = await eventually(
        async () => (await app.call('GET', `/api/sessions/${id}`)).body,
        ({ processId }) => processId !== undefined && processId !== null,
      );
      return readFileSync(`/proc/${session.processId}/cmdline`, 'utf8');
    };
    const expected = await commandOf(plain.body.id);
    expect(expected.split('\0')[0]).toBe(process.execPath);
    for (const text of HOSTILE) {
      const body = {
        agent: 'demo',
        projectDir,
        name: text,
        model: text,
        agentMode: text,
        groupId: 'g',
        metadata: { command: text, env: { NODE_OPTIONS: text } },
        mcpServers: [{ name: text, command: 'touch', args: ['CANARY'], env: [{ name: 'NODE_OPTIONS', value: text }] }],
      };
      const { status, body: session } = await app.call('POST', '/api/sessions', { body });
      expect(status).toBe(201);
      const settled = await untilStatus(() => app.call('GET', `/api/sessions/${session.id}`), 'idle', 'failed');
      // A model or mode that the agent does not offer fails the session; its command was the profile's all the same.
      if (settled.status === 'idle') expect(await commandOf(session.id)).toBe(expected);
      await app.call('DELETE', `/api/sessions/${session.id}?force=true`);
    }
    expect(canary()).toEqual([]);
  }, 120_000);
});

describe('a directory that is exchanged for a link', () => {
  let app: TestApp;
  let root: string;
  let outside: string;
  let count = 0;

  beforeAll(async () => {
    const database = await createDatabase('sqlite');
    // The command says where it ran by leaving a file there.
    const agents = [{ name: 'mark', runtime: 'process', command: ['sh', '-c', 'cat > /dev/null; : > ran-here'], versionCommand: null }];
    root = join(realpathSync(database.dataDir), 'root');
    outside = join(realpathSync(database.dataDir), 'outside');
    [root, outside].forEach((each) => mkdirSync(each));
    writeFileSync(join(database.dataDir, 'agents.json'), JSON.stringify({ agents }));
    app = await TestApp.start(
      'sqlite',
      { MUSTER_AGENTS_FILE: join(database.dataDir, 'agents.json'), MUSTER_WORKSPACE_ROOTS: root },
      database,
    );
  });
  afterAll(async () => {
    await app?.close();
    await app?.database.drop();
  });

  afterEach(() => rmSync(join(outside, 'ran-here'), { force: true }));

  const project = (): string => {
    const path = join(root, `project-${++count}`);
    mkdirSync(path);
    return path;
  };
  const exchange = (path: string): void => {
    renameSync(path, `${path}-parked`);
    symlinkSync(outside, path);
  };
  const get = (id: string) => () => app.call('GET', `/api/sessions/${id}`);
  const create = async (body: object) => (await app.call('POST', '/api/sessions', { body: { agent: 'mark', ...body } })).body;
  const input = (id: string) => app.call('POST', `/api/sessions/${id}/input`, { body: { content: 'go' } });
  const ranOutside = () => existsSync(join(outside, 'ran-here'));

  it('is not entered by a session that is made of it afterwards', async () => {
    const path = project();
    const workspace = await app.call('POST', '/api/workspaces', { body: { path } });
    exchange(path);
    expect(await app.call('POST', '/api/sessions', { body: { agent: 'mark', projectDir: path, prompt: 'go' } })).toMatchObject({
      status: 400,
      body: { code: 'path_escapes_roots' },
    });
    const session = await create({ workspaceId: workspace.body.id, prompt: 'go' });
    const settled = await untilStatus(get(session.id), 'failed', 'idle');
    expect(settled.status).toBe('failed');
    expect(settled.endReason).toMatch(/symbolic link|allowed/);
    expect(ranOutside()).toBe(false);
  });

  it('is not entered by a session that waited for its first input meanwhile', async () => {
    const path = project();
    const session = await create({ projectDir: path, launch: false });
    exchange(path);
    await input(session.id);
    expect((await untilStatus(get(session.id), 'failed', 'idle')).status).toBe('failed');
    expect(ranOutside()).toBe(false);
  });

  it('is not entered by the next turn of a session', async () => {
    const path = project();
    const session = await create({ projectDir: path, prompt: 'go' });
    await untilStatus(get(session.id), 'idle');
    expect(existsSync(join(path, 'ran-here'))).toBe(true);
    exchange(path);
    await input(session.id);
    await eventually(
      async () => (await app.call('GET', `/api/sessions/${session.id}/events?type=turn`)).body.items,
      (turns) => turns.length >= 4,
    );
    expect(ranOutside()).toBe(false);
  });

  it('is not entered where it is exchanged between the last look at it and the start in it', async () => {
    const path = project();
    const paths = app.get(PathRules);
    const look = paths.assertStill.bind(paths);
    const spy = jest.spyOn(paths, 'assertStill').mockImplementation(async (each) => {
      await look(each);
      exchange(path);
    });
    try {
      const session = await create({ projectDir: path, prompt: 'go' });
      const settled = await untilStatus(get(session.id), 'failed', 'idle', 'completed');
      expect(spy).toHaveBeenCalledWith(path);
      expect([settled.status, settled.endReason]).toEqual(['failed', expect.stringMatching(/ELOOP/)]);
      expect(ranOutside()).toBe(false);
    } finally {
      spy.mockRestore();
    }
  });
});
