import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UpgradeDoor } from '../../src/core/websocket/upgrade-door.service.js';
import { ApprovalRequests } from '../../src/approvals/approval-requests.service.js';
import { newId } from '../../src/core/ids.js';
import { PERMISSIONS } from '../../src/auth/principal.types.js';
import { Commands } from '../../src/realtime/gateway/commands.service.js';
import { DIALECTS } from '../support/databases.js';
import { giveKey, setMember } from '../support/principals.js';
import { WsClient } from '../support/ws-client.js';
import { CountedApp } from './counted-app.js';
import { ADMIN_ONLY, badCredentials, type BadCredential, OF_AGENTS, weakCredentials, type WeakCredential } from './credential-cases.js';
import {
  type DocumentedFrame,
  documentedFrames,
  type DocumentedRoute,
  documentedRoutes,
  filled,
  frameOf,
  hasParameters,
  namesTarget,
  queryOf,
  segmentsOf,
  type Target,
} from './documented-api.js';
import { closeRawConnections, type RawAnswer, rawRequest, rawUpgrade } from './raw-request.js';

/** Every route that asks nobody who he is, and why. */
const PUBLIC_ROUTES: Readonly<Record<string, string>> = {
  getHealth: 'a supervisor asks it and has no key; it tells version and uptime',
  getReadiness: 'as getHealth',
  login: 'its code is the credential: of one use, for 15 minutes',
  aoGetHealth: 'as getHealth; it tells nothing else',
};

/** Routes of foreign contracts that answer 200 where there is nothing to be seen, as their own servers do. */
const TELLS_ABSENCE = ['aoGetSessionStatus', 'aoListEvents'];
/** Routes that answer 404 with the right credentials too: of a thing that is there, in a foreign contract, and where there is nothing to be ended. */
const NOT_YET = ['aoGetSessionResult', 'reapOrphan'];
/** What names a session that is not there makes one: of the caller's own. */
const MAKES_ITS_OWN = ['aoReceiveEvent'];
/** Routes whose parameter names nothing of anybody: what they do is of the caller's own. */
const NAMES_NOTHING = ['takeHook'];
/** The sockets of foreign contracts, whose frames are theirs. */
const FOREIGN_SOCKETS = ['/compat/agent-orchestrator/ws'];

/** Every route beside those of the document, and why it is public. */
const BESIDE: readonly (readonly [RegExp, string])[] = [
  [/^\/api\/docs(\/.*)?$/, 'the page that shows the document; it holds no data, and asks with the key or cookie of its reader'],
  [/^\/api\/docs-(json|yaml)$/, 'the document, as the page offers it'],
  [/^\/api\/(openapi|asyncapi)\.json$/, 'what the routes and frames are is the same for everybody; it tells nothing of this installation'],
];

/** Ways to write a path. `isSame`: it is the route; the others are none, or ask for the same. */
const VARIANTS: readonly {
  readonly name: string;
  readonly isSame: boolean;
  write(segments: readonly { text: string; isLiteral: boolean }[]): string;
}[] = [
  { name: 'as documented', isSame: true, write: (all) => `/${all.map(({ text }) => text).join('/')}` },
  { name: 'trailing slash', isSame: false, write: (all) => `/${all.map(({ text }) => text).join('/')}/` },
  {
    name: 'upper case',
    isSame: false,
    write: (all) => `/${all.map(({ text, isLiteral }) => (isLiteral ? text.toUpperCase() : text)).join('/')}`,
  },
  { name: 'double slash at first', isSame: false, write: (all) => `//${all.map(({ text }) => text).join('/')}` },
  { name: 'double slashes', isSame: false, write: (all) => `/${all.map(({ text }) => text).join('//')}` },
  { name: 'two slashes at the end', isSame: false, write: (all) => `/${all.map(({ text }) => text).join('/')}//` },
  {
    name: 'encoded letters',
    isSame: false,
    write: (all) => `/${all.map(({ text, isLiteral }) => (isLiteral ? encodedAt(text, 0) : text)).join('/')}`,
  },
  {
    name: 'an encoded letter at last',
    isSame: false,
    write: (all) =>
      `/${all.map(({ text, isLiteral }, index) => (isLiteral && index === all.length - 1 ? encodedAt(text, text.length - 1) : text)).join('/')}`,
  },
  { name: 'encoded slashes', isSame: false, write: (all) => `/${all.map(({ text }) => text).join('%2f')}` },
  { name: 'a way round', isSame: false, write: (all) => `/api/docs/../../${all.map(({ text }) => text).join('/')}` },
  { name: 'a semicolon', isSame: false, write: (all) => `/${all.map(({ text }) => text).join('/')};x=.json` },
  { name: 'a full URL', isSame: true, write: (all) => `http://localhost/${all.map(({ text }) => text).join('/')}` },
];

const encodedAt = (text: string, at: number): string => `${text.slice(0, at)}%${text.charCodeAt(at).toString(16)}${text.slice(at + 1)}`;

const NO_ROUTE = [404, 405];
/** Thousands of requests, one after the other. */
const MATRIX_MS = 300_000;
const READING = ['GET', 'HEAD', 'OPTIONS'];
/** A marker of this run; what refuses never repeats it. */
const MARKER = `hush-${Math.random().toString(36).slice(2)}`;

describe.each(DIALECTS)('who may call what, on %s', (dialect) => {
  let counted: CountedApp;
  let target: Target;
  let routes: DocumentedRoute[];
  let frames: DocumentedFrame[];
  let asyncapi: any;
  let bad: BadCredential[];
  let weak: WeakCredential[];
  let cells = 0;
  let made = 0;

  beforeAll(async () => {
    counted = await CountedApp.start(dialect);
    routes = documentedRoutes((await counted.app.call('GET', '/api/openapi.json', { key: null })).body);
    asyncapi = (await counted.app.call('GET', '/api/asyncapi.json', { key: null })).body;
    frames = documentedFrames(asyncapi);
    target = await newTarget();
    bad = await badCredentials(counted.app, target);
    weak = await weakCredentials(counted.app, target);
  });
  afterAll(async () => {
    closeRawConnections();
    await counted?.close();
    process.stdout.write(`access matrix on ${dialect}: ${cells} cells\n`);
  });

  /** Somebody's workspace with a session in it, and a key of his. */
  async function newTarget(): Promise<Target> {
    const { app } = counted;
    const name = `${MARKER}-${Math.random().toString(36).slice(2)}`;
    const directory = app.database.dataDir;
    const path = join(directory, `project-${++made}`);
    mkdirSync(path);
    const workspaceId: string = (await app.call('POST', '/api/workspaces', { body: { path, name } })).body.id;
    const session = await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId, name } });
    const large = name.repeat(3_000);
    for (const text of [name, large])
      await app.call('POST', `/api/sessions/${session.body.id}/events`, { body: { type: 'log', payload: { level: 'info', text } } });
    const asked = await app.get(ApprovalRequests).request({
      id: newId(),
      sessionId: session.body.id,
      turn: null,
      source: 'acp',
      actor: 'agent:target',
      kind: 'execute',
      title: name,
      toolCallId: null,
      toolCall: { title: name },
      options: [
        { optionId: 'allow_once', name: 'Yes', kind: 'allow_once' },
        { optionId: 'reject_once', name: 'No', kind: 'reject_once' },
      ],
      takesEdits: false,
      hostId: null,
      requestId: null,
    });
    const key = await giveKey(app, { principalId: 'user:target', name });
    await setMember(app, workspaceId, 'user:target', 'owner');
    return {
      marker: MARKER,
      workspaceId,
      sessionId: session.body.id,
      name,
      keyId: key.id,
      sha256: createHash('sha256').update(large).digest('hex'),
      memberId: 'user:target',
      approvalId: asked?.id ?? '',
      directory,
    };
  }

  const tell = (route: DocumentedRoute, what: string, { status, text }: RawAnswer, more = ''): string =>
    `${route.method} ${route.template}, ${what}: ${status} ${text.slice(0, 120)} ${more}`;
  const secured = (): DocumentedRoute[] => routes.filter(({ id }) => !(id in PUBLIC_ROUTES));

  /** Sends one request and looks at what it did. */
  async function cell(request: { method: string; path: string; headers: Record<string, string>; body?: unknown }) {
    cells += 1;
    const { result: answer, ran, units } = await counted.during(() => rawRequest(counted.url, request));
    return { answer, ran, units };
  }

  it('has every handler and frame in the documents, behind the guard, with a permission that there is', () => {
    const documented = routes.map(({ method, template, permission }) => `${method} ${template} ${permission}`).sort();
    expect(counted.handlers.map(({ method, path, permission }) => `${method} ${path} ${permission}`).sort()).toEqual(documented);
    expect(counted.handlers.filter(({ isGuarded }) => !isGuarded)).toEqual([]);
    expect(routes.filter(({ permission }) => !PERMISSIONS.some((each) => each === permission))).toEqual([]);
    expect(routes.length).toBeGreaterThan(25);
    expect(frames.map(({ type }) => type).sort()).toEqual(['auth', ...counted.app.get(Commands).types].sort());
    expect(frames.filter(({ permission }) => !PERMISSIONS.some((each) => each === permission))).toEqual([]);
  });

  it('has no route beside the document that nobody gave a reason for', () => {
    const known = new Set(routes.map(({ template }) => template.replace(/\{(\w+)\}/g, ':$1')));
    const stack: any[] = counted.app.app.getHttpAdapter().getInstance().router.stack;
    const paths = stack.filter(({ route }) => route).flatMap(({ route }) => [route.path].flat().map(String));
    expect(paths.length).toBeGreaterThanOrEqual(known.size);
    expect(paths.filter((path) => !known.has(path.replace(/(.)\/$/, '$1')) && !BESIDE.some(([pattern]) => pattern.test(path)))).toEqual([]);
  });

  it('is public where it is said here, and nowhere else', async () => {
    expect(
      routes
        .filter(({ permission, isPublic }) => permission === 'public' || isPublic)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(Object.keys(PUBLIC_ROUTES).sort());
    for (const path of [
      '/api/docs',
      '/api/docs/swagger-ui.css',
      '/api/openapi.json',
      '/api/asyncapi.json',
      '/api/health',
      '/api/health/ready',
    ])
      expect([path, (await rawRequest(counted.url, { method: 'GET', path })).status]).toEqual([path, 200]);
    for (const path of [
      '/',
      '/api',
      '/api/',
      '/admin.key',
      '/.env',
      '/package.json',
      '/api/docs/%2e%2e/%2e%2e/package.json',
      '/api/docs/../admin.key',
      '/api/docs/..%2f..%2fpackage.json',
    ])
      expect([path, (await rawRequest(counted.url, { method: 'GET', path })).status]).toEqual([path, 404]);
    expect((await rawRequest(counted.url, { method: 'GET', path: '/api/login?code=nonsense' })).status).toBe(401);
  });

  it(
    'is reached with the right credentials: the handler runs, once',
    async () => {
      const wrong: string[] = [];
      for (const route of routes)
        for (const example of route.bodies)
          for (const variant of VARIANTS.filter(({ isSame }) => isSame)) {
            const own = await newTarget();
            const path = variant.write(segmentsOf(route, own)) + queryOf(route);
            const headers = { authorization: `Bearer ${counted.app.key}` };
            const { answer, ran } = await cell({ method: route.method, path, headers, body: filled(example, own) });
            const isDocumented = answer.status === 200 || route.statuses.includes(answer.status);
            const isFine =
              ran.length === 1 &&
              isDocumented &&
              (route.isPublic || ![401, 403, ...(NOT_YET.includes(route.id) ? [] : [404])].includes(answer.status));
            if (!isFine) wrong.push(tell(route, variant.name, answer, `ran ${ran.join()}`));
          }
      expect(wrong).toEqual([]);
    },
    MATRIX_MS,
  );

  it(
    'answers 401 without good credentials, in every way of writing its path, and nothing runs',
    async () => {
      const before = await counted.tables();
      const wrong: string[] = [];
      for (const route of secured())
        for (const { name, headers: ways } of bad)
          for (const [way, headers] of ways.entries())
            for (const variant of way === 0 ? VARIANTS : VARIANTS.slice(0, 1))
              for (const method of way === 0 ? methodsFor(route) : [route.method]) {
                const path = variant.write(segmentsOf(route, target)) + queryOf(route);
                const [example] = route.bodies;
                const body = method === route.method ? filled(example, target) : undefined;
                const { answer, ran, units } = await cell({ method, path, headers, body });
                const hasRoute = variant.isSame && isRoute(method, route);
                // What changes something and comes with a cookie is turned away for its missing origin before anybody looks at the cookie.
                const codes = 'cookie' in headers && !READING.includes(method) ? [401, 403] : [401];
                const isCode = [...codes, ...(hasRoute ? [] : NO_ROUTE)].includes(answer.status);
                const isFine = isCode && ran.length === 0 && units === 0 && !answer.text.includes(MARKER);
                if (!isFine)
                  wrong.push(tell(route, `${name} (${way}), ${method}, ${variant.name}`, answer, `ran ${ran.join()}; ${units} units`));
              }
      expect(wrong).toEqual([]);
      expect(await counted.tables()).toEqual(before);
    },
    MATRIX_MS,
  );

  /** Its own and those beside it; HEAD belongs to the GET of the same path, where there is one. */
  const methodsFor = (route: DocumentedRoute): string[] =>
    [...new Set([route.method, 'HEAD', 'OPTIONS'])].filter(
      (method) => method !== 'HEAD' || route.method === 'GET' || !isRoute('HEAD', route),
    );

  /** HEAD is answered by the route of GET, and no route answers OPTIONS. */
  const isRoute = (method: string, { template }: DocumentedRoute): boolean =>
    routes.some((each) => each.template === template && each.method === (method === 'HEAD' ? 'GET' : method));

  it(
    'answers 403 or 404 where the credentials do not reach, in every way of writing its path, and nothing is written',
    async () => {
      const before = await counted.tables();
      const wrong: string[] = [];
      for (const route of secured())
        for (const { name, keyFor } of weak)
          for (const example of route.bodies)
            for (const variant of VARIANTS)
              for (const method of methodsFor(route)) {
                const judged = judge(name, route, example, method);
                if (judged === undefined) continue;
                const path = variant.write(segmentsOf(route, target)) + queryOf(route);
                const headers = { authorization: `Bearer ${keyFor(route.permission ?? '')}` };
                const body = method === route.method ? filled(example, target) : undefined;
                const { answer, ran, units } = await cell({ method, path, headers, body });
                const hasRoute = variant.isSame && isRoute(method, route);
                // Another spelling may be the same route with another id in it.
                const isCode = hasRoute ? answer.status === judged.status : [judged.status, 400, ...NO_ROUTE].includes(answer.status);
                const isFine = isCode && units === 0 && !answer.text.includes(MARKER) && (judged.mayRun || ran.length === 0);
                if (!isFine)
                  wrong.push(
                    tell(
                      route,
                      `${name}, ${method}, ${variant.name}`,
                      answer,
                      `expected ${judged.status}; ran ${ran.join()}; ${units} units`,
                    ),
                  );
              }
      expect(wrong).toEqual([]);
      expect(await counted.tables()).toEqual(before);
    },
    MATRIX_MS,
  );

  it('shows nothing of others in what is open to everybody with a key', async () => {
    const wrong: string[] = [];
    const open = secured().filter((route) => route.method === 'GET' && !hasParameters(route));
    for (const { name, keyFor } of weak.filter((each) => each.name === 'not a member' || each.name === 'agent of another session'))
      for (const route of open) {
        if (judge(name, route, undefined, 'GET') !== undefined) continue;
        const headers = { authorization: `Bearer ${keyFor(route.permission ?? '')}` };
        const { answer, ran } = await cell({ method: 'GET', path: route.template + queryOf(route), headers });
        // An agent is told which workspace its own session belongs to.
        const hidden = [
          MARKER,
          target.sessionId,
          target.approvalId,
          target.keyId,
          ...(name === 'not a member' ? [target.workspaceId] : []),
        ];
        const shows = hidden.filter((each) => answer.text.includes(each));
        if (answer.status !== 200 || ran.length !== 1 || shows.length > 0) wrong.push(tell(route, name, answer, `shows ${shows.join()}`));
      }
    expect(wrong).toEqual([]);
  });

  /** What must be answered; undefined where this is allowed. */
  function judge(
    name: WeakCredential['name'],
    route: DocumentedRoute,
    example: unknown,
    method: string,
  ): { status: number; mayRun: boolean } | undefined {
    const { permission = '', template } = route;
    const refused = { status: 403, mayRun: false };
    if (name === 'wrong scope') return permission === 'self:read' ? undefined : refused;
    if (ADMIN_ONLY.includes(permission)) return refused;
    if (name === 'agent of another session' && !OF_AGENTS.includes(permission)) return refused;
    const isAimed = (hasParameters(route) && !NAMES_NOTHING.includes(route.id)) || namesTarget(filled(example, target), target);
    const reads = route.method === 'GET' || (method === 'HEAD' && isRoute('HEAD', route));
    if (name === 'viewer' && !template.startsWith('/api/keys')) {
      if (reads || !isAimed) return undefined;
      return { status: 403, mayRun: true };
    }
    if (isAimed && name === 'not a member' && MAKES_ITS_OWN.includes(route.id) && method === route.method) return undefined;
    if (isAimed) return { status: TELLS_ABSENCE.includes(route.id) && method !== 'OPTIONS' ? 200 : 404, mayRun: true };
    // A key for somebody else is an admin's to give.
    return template === '/api/keys' && route.method === 'POST' ? { status: 403, mayRun: true } : undefined;
  }

  it('refuses upgrades at every path but its own, and with bad credentials at its own', async () => {
    const wrong: string[] = [];
    const channels = Object.values<any>(asyncapi.channels).map(({ address, servers }) => ({
      address,
      server: servers[0].$ref.split('/').at(-1),
    }));
    const sockets = channels.filter(({ server }) => server === 'websocket').map(({ address }) => String(address));
    const door: any = counted.app.get(UpgradeDoor);
    sockets.push(...FOREIGN_SOCKETS);
    expect([...door.endpoints.keys()].sort()).toEqual(sockets.sort());
    expect(channels.filter(({ server }) => server === 'sse').map(({ address }) => address.replace(/\{\w+\}/, '{id}'))).toEqual(
      expect.arrayContaining(routes.filter(({ template }) => template.endsWith('/stream')).map(({ template }) => template)),
    );
    for (const socket of sockets) {
      const segments = socket
        .split('/')
        .slice(1)
        .map((text) => ({ text, isLiteral: true }));
      for (const { name, headers: ways } of bad)
        for (const headers of ways) {
          const isNone = Object.keys(headers).length === 0;
          for (const variant of VARIANTS.filter((each) => !(isNone && each.name === 'as documented'))) {
            cells += 1;
            const { result, ran } = await counted.during(() => rawUpgrade(counted.url, { path: variant.write(segments), headers }));
            const isFine =
              variant.name === 'as documented'
                ? result.status === 401 || result.status === 403
                : [401, 403, 404, 400].includes(result.status);
            if (!isFine || ran.length > 0) wrong.push(`${socket}, ${name}, ${variant.name}: ${result.status} ${JSON.stringify(headers)}`);
          }
        }
      for (const method of ['POST', 'HEAD', 'PUT', 'OPTIONS']) {
        cells += 1;
        const answer = await rawRequest(counted.url, { method, path: socket, headers: { authorization: `Bearer ${counted.app.key}` } });
        if (!NO_ROUTE.includes(answer.status)) wrong.push(`${method} ${socket}: ${answer.status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('carries out no frame before it is known whose it is', async () => {
    const wrong: string[] = [];
    for (const { name, token } of bad) {
      for (const frame of frames) {
        for (const form of frame.forms) {
          cells += 1;
          const client = await WsClient.connect(counted.url);
          const { result, ran, units } = await counted.during(async () => {
            if (token === undefined) return client.request(frameOf(frame.type, form, target));
            const answer = await client.request({ type: 'auth', token });
            client.send({ ...frameOf(frame.type, form, target), id: 'late' });
            await client.untilClosed();
            return answer;
          });
          const isFine = result.type === 'error' && result.code === 'unauthenticated' && ran.length === 0 && units === 0;
          if (!isFine) wrong.push(`${frame.type}, ${name}: ${JSON.stringify(result)}; ran ${ran.join()}`);
          if (token !== undefined && client.closed?.code !== 4401) wrong.push(`${frame.type}, ${name}: closed with ${client.closed?.code}`);
          if (client.frames.some(({ type }) => type !== 'error')) wrong.push(`${frame.type}, ${name}: ${JSON.stringify(client.frames)}`);
          await client.close();
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('carries out every frame for those who may', async () => {
    const wrong: string[] = [];
    for (const { type, forms } of frames.filter((frame) => frame.type !== 'auth'))
      for (const form of forms) {
        cells += 1;
        const client = await WsClient.connect(counted.url, { key: counted.app.key });
        const { result, ran } = await counted.during(async () => client.request(frameOf(type, form, await newTarget())));
        const isRefusal =
          result.type === 'error' &&
          ['unauthenticated', 'forbidden', 'invalid_input', 'session_not_found', 'workspace_not_found', 'approval_not_found'].includes(
            result.code,
          );
        if (isRefusal || ran.filter((each) => each === `frame ${type}`).length !== 1)
          wrong.push(`${type}: ${JSON.stringify(result)}; ran ${ran.join()}`);
        await client.close();
      }
    expect(wrong).toEqual([]);
  });

  it('refuses every frame that the credentials do not reach, writes nothing and shows nothing', async () => {
    const before = await counted.tables();
    const wrong: string[] = [];
    for (const { name, keyFor } of weak)
      for (const { type, permission, forms } of frames.filter((frame) => frame.type !== 'auth'))
        for (const form of forms) {
          cells += 1;
          const client = await WsClient.connect(counted.url, { key: keyFor(permission) || counted.app.key });
          const sent = frameOf(type, form, target);
          const { result, ran, units } = await counted.during(() => client.request(sent));
          const expected = judgeFrame(name, permission, sent);
          const isFine = expected
            ? result.type === 'error' && expected.codes.includes(result.code) && (expected.mayRun || ran.length === 0) && units === 0
            : result.type !== 'error' || result.code === 'not_subscribed';
          if (!isFine)
            wrong.push(
              `${JSON.stringify(sent)}, ${name}: ${JSON.stringify(result)}; expected ${JSON.stringify(expected)}; ran ${ran.join()}; ${units} units`,
            );
          // What comes before the answer to a second request is all that the first one set off.
          if (name !== 'viewer' && name !== 'wrong scope') {
            await client.request({ type: 'ping' });
            const shown = client.frames.filter((frame) => JSON.stringify(frame).includes(MARKER));
            if (shown.length > 0) wrong.push(`${type}, ${name}: ${JSON.stringify(shown)}`);
          }
          await client.close();
        }
    expect(wrong).toEqual([]);
    expect(await counted.tables()).toEqual(before);
  });

  function judgeFrame(
    name: WeakCredential['name'],
    permission: string,
    frame: Record<string, unknown>,
  ): { codes: string[]; mayRun: boolean } | undefined {
    const forbidden = { codes: ['forbidden'], mayRun: false };
    if (name === 'wrong scope') return permission === 'self:read' ? undefined : forbidden;
    if (name === 'agent of another session' && !OF_AGENTS.includes(permission)) return forbidden;
    const isAimed = frame.sessionId !== undefined || frame.workspaceId !== undefined || frame.approvalId !== undefined;
    if (!isAimed) return undefined;
    if (name === 'viewer') return permission === 'sessions:read' ? undefined : { codes: ['forbidden'], mayRun: true };
    // To end a subscription that there is none of tells nothing.
    if (frame.type === 'unsubscribe') return { codes: ['not_subscribed'], mayRun: true };
    return { codes: ['session_not_found', 'workspace_not_found', 'approval_not_found'], mayRun: true };
  }
});
