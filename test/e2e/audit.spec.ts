import { request as httpRequest } from 'node:http';
import { Outbox } from '../../src/core/database/outbox.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { BrowserLogins } from '../../src/auth/browser-logins.service.js';
import { type Answer, TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { agentToken, giveKey, setMember } from '../support/principals.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

describe.each(DIALECTS)('the audit on %s', (dialect) => {
  let app: TestApp;
  let drawn = 0;
  beforeAll(async () => void (app = await TestApp.start(dialect)));
  afterAll(() => app?.close());

  /** A call with a request id of its own, which is given back. */
  const act = async (method: string, path: string, body?: unknown, key = app.key) => {
    const requestId = `audit-test-${++drawn}`;
    const answer = await app.call(method, path, { body, key, headers: { 'x-request-id': requestId } });
    if (answer.status >= 400) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return { ...answer, requestId };
  };
  const now = async (): Promise<string> => (await app.call('GET', '/api/feed?limit=1000&after=' + (await headCursor()))).body.cursor;
  const headCursor = async () => {
    const { epoch, position } = await app.get(Outbox).head();
    return `${epoch}.${position}`;
  };
  const entriesAfter = async (after: string, query = '') =>
    (await app.call('GET', `/api/audit?limit=1000&after=${after}${query}`)).body.items;
  const workspace = (name: string) =>
    makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, `${name}-${++drawn}`);

  it('tells who changed what, from what to what, and by which request', async () => {
    const start = await now();
    const { id: workspaceId, path } = await workspace('told');
    const patched = await act('PATCH', `/api/workspaces/${workspaceId}`, { name: 'New', metadata: { team: 'a' } });
    const member = await act('PUT', `/api/workspaces/${workspaceId}/members/user:ada`, { role: 'viewer' });
    const raised = await act('PUT', `/api/workspaces/${workspaceId}/members/user:ada`, { role: 'editor' });
    const { secret, id: keyId } = await giveKey(app, {
      principalId: 'user:ada',
      name: 'laptop',
      scopes: ['sessions:read', 'sessions:create', 'sessions:write'],
    });
    const created = await act('POST', '/api/sessions', { runtime: 'external', agentName: 'bot', workspaceId, prompt: undefined }, secret);
    const sessionId = created.body.id;
    const renamed = await act('PATCH', `/api/sessions/${sessionId}`, { name: 'Renamed', metadata: { big: 'x'.repeat(5_000) } }, secret);
    const stopped = await act('POST', `/api/sessions/${sessionId}/stop`);
    const deleted = await act('DELETE', `/api/sessions/${sessionId}`);
    const rotated = await act('POST', `/api/keys/${keyId}/rotate`, {});
    const revoked = await act('DELETE', `/api/keys/${rotated.body.id}`);
    const removed = await act('DELETE', `/api/workspaces/${workspaceId}/members/user:ada`);
    const gone = await act('DELETE', `/api/workspaces/${workspaceId}`);

    const entries = await entriesAfter(start);
    const session = { target: { kind: 'session', id: sessionId }, sessionId, workspaceId };
    const ofWorkspace = { target: { kind: 'workspace', id: workspaceId }, workspaceId, sessionId: null, actor: 'admin' };
    expect(entries).toMatchObject([
      { action: 'workspace.created', ...ofWorkspace, after: { path } },
      {
        action: 'workspace.updated',
        ...ofWorkspace,
        requestId: patched.requestId,
        before: { name: expect.stringContaining('told'), metadata: {} },
        after: { name: 'New', metadata: { team: 'a' } },
      },
      {
        action: 'workspace.member-set',
        ...ofWorkspace,
        requestId: member.requestId,
        before: { principalId: 'user:ada', role: null },
        after: { principalId: 'user:ada', role: 'viewer' },
      },
      { action: 'workspace.member-set', requestId: raised.requestId, before: { role: 'viewer' }, after: { role: 'editor' } },
      {
        action: 'key.created',
        actor: 'admin',
        target: { kind: 'key', id: keyId },
        after: {
          principalId: 'user:ada',
          name: 'laptop',
          kind: 'personal',
          scopes: ['sessions:read', 'sessions:create', 'sessions:write'],
        },
      },
      {
        action: 'session.created',
        actor: 'user:ada',
        requestId: created.requestId,
        ...session,
        after: { agent: 'bot', status: 'running' },
      },
      {
        action: 'session.updated',
        actor: 'user:ada',
        requestId: renamed.requestId,
        ...session,
        before: { metadata: {} },
        after: { name: 'Renamed', metadata: { omittedBytes: 5_010 } },
      },
      {
        action: 'session.status-changed',
        actor: 'admin',
        requestId: stopped.requestId,
        ...session,
        before: { status: 'running' },
        after: { status: 'stopped', reason: 'stopped by admin' },
      },
      {
        action: 'session.deleted',
        actor: 'admin',
        requestId: deleted.requestId,
        ...session,
        before: { name: 'Renamed', status: 'stopped' },
      },
      { action: 'key.rotated', requestId: rotated.requestId, target: { kind: 'key', id: keyId }, after: { replacedBy: rotated.body.id } },
      {
        action: 'key.revoked',
        requestId: revoked.requestId,
        target: { kind: 'key', id: rotated.body.id },
        before: { revokedAt: null, principalId: 'user:ada' },
        after: { revokedAt: revoked.body.revokedAt },
      },
      {
        action: 'workspace.member-removed',
        requestId: removed.requestId,
        before: { principalId: 'user:ada', role: 'editor' },
        after: { role: null },
      },
      { action: 'workspace.deleted', requestId: gone.requestId, ...ofWorkspace, before: { name: 'New', path } },
    ]);
    expect(entries[8]).not.toHaveProperty('after');
    const positions = entries.map(({ position }: any) => position);
    expect(positions).toEqual(Array.from(positions, (_, index) => positions[0] + index));
    expect(entries.every(({ at }: any) => /^\d{4}-.*Z$/.test(at))).toBe(true);
    for (const given of [secret, rotated.body.secret]) expect(JSON.stringify(entries)).not.toContain(given);
  });

  it('tells of prompts by their length only, and of what a policy decides', async () => {
    const start = await now();
    const { id: workspaceId } = await workspace('agent');
    const body = { agent: 'demo', workspaceId, name: 'named', policy: 'deny', prompt: 'say:the first secret thing' };
    const created = await act('POST', '/api/sessions', body);
    const { id } = created.body;
    await untilStatus(() => app.call('GET', `/api/sessions/${id}`), 'idle');
    const input = await act('POST', `/api/sessions/${id}/input`, { content: 'run:echo the second secret thing' });
    await untilStatus(async () => {
      const entries = await entriesAfter(start, `&sessionId=${id}&name=session.permission-decided`);
      return { body: { status: entries.length > 0 ? 'decided' : 'waiting' } };
    }, 'decided');
    await untilStatus(() => app.call('GET', `/api/sessions/${id}`), 'idle');
    const stop = await act('POST', `/api/sessions/${id}/stop`);
    const entries = await entriesAfter(start, `&sessionId=${id}`);
    const one = (action: string) => entries.find((each: any) => each.action === action);
    expect(one('session.created')).toMatchObject({ actor: 'admin', requestId: created.requestId, after: { promptLength: 26 } });
    expect(one('session.input-accepted')).toMatchObject({ actor: 'admin', requestId: input.requestId, after: { length: 32 } });
    expect(one('session.permission-decided')).toMatchObject({ actor: 'system', after: { by: 'policy:deny', reason: expect.any(String) } });
    expect(one('session.stop-requested')).toMatchObject({
      actor: 'admin',
      requestId: stop.requestId,
      before: { status: 'idle' },
      after: { stopRequested: true },
    });
    expect(JSON.stringify(entries)).not.toContain('secret thing');
  });

  it('blames no request for what it did not do: an agent’s doings have none, its launch that of its creation', async () => {
    const { id: workspaceId } = await workspace('blame');
    const start = await now();
    const created = await act('POST', '/api/sessions', { agent: 'demo', workspaceId, prompt: 'say:one' });
    const { id } = created.body;
    const own = [created.requestId];
    // Whatever is under way in other requests meanwhile must not lend its id.
    const noise = async () => {
      const other = await act('POST', '/api/sessions', { runtime: 'external' });
      await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          act('POST', `/api/sessions/${other.body.id}/events`, { type: 'log', payload: { level: 'info', text: `n${n}` } }),
        ),
      );
    };
    await Promise.all([noise(), untilStatus(() => app.call('GET', `/api/sessions/${id}`), 'idle'), noise()]);
    own.push((await act('POST', `/api/sessions/${id}/input`, { content: 'say:two' })).requestId);
    await Promise.all([
      noise(),
      eventually(
        () => entriesAfter(start, `&sessionId=${id}&name=session.status-changed`),
        (all) => all.at(-1)?.after.status === 'idle' && all.length >= 5,
      ),
      noise(),
    ]);
    own.push((await act('POST', `/api/sessions/${id}/stop`)).requestId);
    const entries = await entriesAfter(start, `&sessionId=${id}`);
    for (const { requestId } of entries) expect([...own, null]).toContain(requestId);
    const moves = entries.filter(({ action }: any) => action === 'session.status-changed');
    expect(moves.map(({ after, requestId }: any) => [after.status, requestId])).toEqual([
      ['starting', created.requestId],
      ...['running', 'idle', 'running', 'idle', 'stopped'].map((status) => [status, null]),
    ]);
  });

  it('knows what came over a WebSocket, and a browser that signed in', async () => {
    const start = await now();
    const socket = await WsClient.connect(app.url, { key: app.key });
    const { data } = await socket.request({ type: 'session.create', runtime: 'external' });
    await socket.request({ type: 'session.stop', sessionId: data.session.id });
    await socket.close();
    const code = app.get(BrowserLogins).newCode();
    const login = await app.call('GET', `/api/login?code=${code}`, { key: null, headers: { 'x-request-id': 'login-of-a-browser' } });
    expect(login.status).toBe(303);
    const cookie = /muster_session=([^;]+)/.exec(login.headers.get('set-cookie') ?? '')?.[1] ?? 'none';
    const entries = await entriesAfter(start);
    expect(entries.map(({ action }: any) => action)).toEqual(['session.created', 'session.status-changed', 'browser.signed-in']);
    expect(new Set(entries.map(({ requestId }: any) => requestId)).size).toBe(3);
    expect(entries[2]).toMatchObject({ requestId: 'login-of-a-browser', target: { kind: 'browser' }, after: { principalId: 'admin' } });
    for (const secret of [code, cookie]) expect(JSON.stringify(entries)).not.toContain(secret);
  });

  describe('of many entries', () => {
    const COUNT = 2_500;
    let start: string;
    let position: number;
    beforeAll(async () => {
      start = await now();
      position = Number(start.split('.')[1]);
      await app.get(UnitOfWork).run(async (work) => {
        for (let n = 0; n < COUNT; n++)
          work.emit(
            'workspace.created',
            { actor: n % 100 ? 'user:many' : 'user:few', workspaceId: `w${n % 10}` },
            { workspaceId: `w${n % 10}`, name: `n${n}`, path: '/p' },
          );
      });
    });

    const pages = async (query: string): Promise<any[][]> => {
      const all: any[][] = [];
      for (let after: string | null = start; after;) {
        const page: Answer = await app.call('GET', `/api/audit?after=${after}${query}`);
        expect(page.status).toBe(200);
        all.push(page.body.items);
        after = page.body.nextCursor;
      }
      return all;
    };

    it('is paged by cursor, without a gap and without a repetition', async () => {
      const all = await pages('&limit=400');
      expect(all.map((page) => page.length)).toEqual([400, 400, 400, 400, 400, 400, 100]);
      expect(all.flat().map((each) => each.position)).toEqual(Array.from({ length: COUNT }, (_, n) => position + 1 + n));
    });

    it('is filtered by actor, name, workspace, session and time', async () => {
      expect((await pages('&limit=10&actor=user:few')).flat().map(({ after }) => after.name)).toEqual(
        Array.from({ length: 25 }, (_, n) => `n${n * 100}`),
      );
      expect((await pages('&limit=1000&workspaceId=w3')).flat()).toHaveLength(250);
      expect((await pages('&limit=1000&actor=user:few&workspaceId=w3')).flat()).toHaveLength(0);
      expect((await pages('&name=workspace.updated')).flat()).toHaveLength(0);
      expect((await pages('&sessionId=nothing')).flat()).toHaveLength(0);
      const [{ at }] = (await pages('&limit=1&actor=user:few'))[0] ?? [];
      expect((await pages(`&limit=1000&from=${at}`)).flat()).toHaveLength(COUNT);
      expect((await pages(`&limit=1000&to=${at}`)).flat()).toHaveLength(0);
      const later = new Date(new Date(at).getTime() + 1).toISOString();
      expect((await pages(`&limit=1000&from=${at}&to=${later}`)).flat()).toHaveLength(COUNT);
      expect((await pages(`&limit=1000&from=${later}`)).flat()).toHaveLength(0);
    });

    it('is exported line by line, the same as the list, with the same filters', async () => {
      for (const query of ['', '&actor=user:few', '&actor=nobody']) {
        const response = await fetch(`${app.url}/api/audit/export?after=${start}${query}`, {
          headers: { authorization: `Bearer ${app.key}` },
        });
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
        const lines = (await response.text()).split('\n');
        expect(lines.pop()).toBe('');
        expect(lines.map((line) => JSON.parse(line))).toEqual((await pages(`&limit=1000${query}`)).flat());
      }
    });

    it('is not read further than its reader takes it', async () => {
      const outbox = app.get(Outbox);
      const search = jest.spyOn(outbox, 'search');
      try {
        await app.get(UnitOfWork).run(async (work) => {
          const path = 'x'.repeat(4_000);
          for (let n = 0; n < 8_000; n++) work.emit('workspace.created', { actor: 'user:bulk' }, { workspaceId: 'w', name: 'n', path });
        });
        const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
          const sent = httpRequest(`${app.url}/api/audit/export`, { headers: { authorization: `Bearer ${app.key}` } }, resolve);
          sent.on('error', reject).end();
        });
        response.pause();
        let [calls, looks] = [0, 0];
        // It stands still when what was asked for does not grow any more, however often one looks.
        await eventually(() => {
          const now = search.mock.calls.length;
          looks = now > 0 && now === calls ? looks + 1 : 0;
          calls = now;
          return looks === 15;
        });
        expect(calls).toBeLessThan(8);
        response.destroy();
      } finally {
        search.mockRestore();
      }
    }, 60_000);
  });

  it('refuses what it can not read on from, and what is no time', async () => {
    const { epoch } = await app.get(Outbox).head();
    for (const path of ['/api/audit', '/api/audit/export']) {
      for (const after of ['ffffffff.1', `${epoch}.999999999`])
        expect(await app.call('GET', `${path}?after=${after}`)).toMatchObject({
          status: 409,
          body: { code: 'resync_required', context: { earliest: `${epoch}.0` } },
        });
      for (const query of ['after=x', 'from=yesterday', 'to=2026-13-01', 'from=2027-W01', 'actor=', 'unknown=1'])
        expect(await app.call('GET', `${path}?${query}`)).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
    expect((await app.call('GET', '/api/audit?limit=1001')).status).toBe(400);
  });

  it('is for admins: members of any role, services, agents and strangers get nothing', async () => {
    const { id: workspaceId } = await workspace('members');
    const keys: (string | null)[] = [null];
    for (const role of ['viewer', 'editor', 'owner']) {
      await setMember(app, workspaceId, `user:${role}`, role);
      keys.push((await giveKey(app, { principalId: `user:${role}` })).secret);
    }
    keys.push((await giveKey(app, { kind: 'service', principalId: 'service:ci' })).secret);
    keys.push((await giveKey(app, { kind: 'admin', principalId: 'admin:narrow', scopes: ['sessions:read'] })).secret);
    const { body: session } = await app.call('POST', '/api/sessions', { body: { runtime: 'external', workspaceId } });
    keys.push(await agentToken(app, session.id));
    for (const key of keys)
      for (const path of ['/api/audit', '/api/audit/export']) {
        const { status, body } = await app.call('GET', path, { key });
        expect({ status, code: body.code }).toEqual(
          key === null ? { status: 401, code: 'unauthenticated' } : { status: 403, code: 'forbidden' },
        );
      }
    const { secret } = await giveKey(app, { kind: 'admin', principalId: 'admin:auditor', scopes: ['audit:read'] });
    expect((await app.call('GET', '/api/audit?limit=1', { key: secret })).status).toBe(200);
  });
});
