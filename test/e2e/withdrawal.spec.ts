import { AccessWatch } from '../../src/auth/access-watch.service.js';
import { Authenticator } from '../../src/auth/authenticator.service.js';
import { EventBus } from '../../src/core/event-bus/event-bus.js';
import { Keys } from '../../src/auth/keys.service.js';
import { Outlet } from '../../src/realtime/hub/outlet.js';
import { type Answer, TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import type { Frame } from '../support/frames.js';
import { NO_LIMITS } from '../support/limits.js';
import { agentToken, giveKey, type KeyWish, revokeKey, setMember } from '../support/principals.js';
import { makeWorkspace } from '../support/sessions.js';
import { SseClient } from '../support/sse-client.js';
import { WsClient } from '../support/ws-client.js';

const log = (text: string) => ({ type: 'log', payload: { level: 'info', text } });
const textsOf = (frames: readonly Frame[], sessionId: string): string[] =>
  frames
    .flatMap((frame) => (frame.type === 'events' && frame.sessionId === sessionId ? frame.events : []))
    .flatMap(({ payload }) => payload?.text ?? []);
const isWithdrawn = (fields: Record<string, unknown>) => (frame: Frame) =>
  frame.type === 'access_withdrawn' && Object.entries(fields).every(([name, value]) => frame[name] === value);
const isCaughtUp = (fields: Record<string, unknown>) => (frame: Frame) =>
  frame.type === 'caught_up' && Object.entries(fields).every(([name, value]) => frame[name] === value);

describe.each(DIALECTS)('Access that is withdrawn on %s', (dialect) => {
  let app: TestApp;
  let drawn = 0;
  const open: { close(): unknown }[] = [];

  beforeAll(async () => {
    app = await TestApp.start(dialect, NO_LIMITS);
  });
  afterAll(() => app.close());
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const each of open.splice(0)) await each.close();
  });

  /** Names that no other test has. */
  const named = (name: string) => `${name}-${++drawn}`;
  const workspace = async (): Promise<string> =>
    (await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, named('ws'))).id;

  async function person(name: string, wish: KeyWish = {}): Promise<{ id: string; keyId: string; key: string }> {
    const id = `user:${named(name)}`;
    const key = await giveKey(app, { principalId: id, ...wish });
    return { id, keyId: key.id, key: key.secret };
  }

  async function report(workspaceId?: string, key = app.key): Promise<string> {
    const { status, body } = await app.call('POST', '/api/sessions', {
      key,
      body: { runtime: 'external', agentName: 'test', workspaceId },
    });
    expect(status).toBe(201);
    return body.id;
  }

  async function append(sessionId: string, text: string, key = app.key): Promise<void> {
    expect((await app.call('POST', `/api/sessions/${sessionId}/events`, { key, body: log(text) })).status).toBe(201);
  }

  async function connect(key: string): Promise<WsClient> {
    const client = await WsClient.connect(app.url, { key });
    open.push(client);
    return client;
  }

  async function subscribe(client: WsClient, target: Record<string, unknown>): Promise<string> {
    const reply = await client.request({ type: 'subscribe', ...target });
    expect(reply).toMatchObject({ type: 'reply' });
    const { subscription } = reply.data;
    await client.frame(
      'sessionId' in target
        ? isCaughtUp({ sessionId: target.sessionId })
        : 'feed' in target
          ? isCaughtUp({ feed: true })
          : isCaughtUp({ subscription }),
    );
    return subscription;
  }

  async function stream(path: string, key: string): Promise<SseClient> {
    const client = await SseClient.open(app.url + path, key);
    open.push(client);
    await client.frame(({ type }) => type === 'caught_up');
    return client;
  }

  const remove = async (workspaceId: string, principalId: string) =>
    expect((await app.call('DELETE', `/api/workspaces/${workspaceId}/members/${encodeURIComponent(principalId)}`)).status).toBe(200);

  /** A waiting read that has begun to wait. */
  async function poll(path: string, key: string): Promise<{ answer: Promise<Answer> }> {
    const { cursor } = (await app.call('GET', `${path}?limit=200`, { key })).body;
    const before = app.get(AccessWatch).watched;
    const answer = app.call('GET', `${path}?after=${cursor}&wait=30`, { key });
    await eventually(() => app.get(AccessWatch).watched > before);
    return { answer };
  }

  it('ends every subscription of a member that is removed, and nobody else’s', async () => {
    const [ada, bob, w] = [await person('ada'), await person('bob'), await workspace()];
    await setMember(app, w, ada.id, 'editor');
    await setMember(app, w, bob.id, 'viewer');
    const shared = await report(w);
    const own = await report(undefined, ada.key);
    await append(shared, 'before');
    const [mine, all, theirs] = [await connect(ada.key), await connect(ada.key), await connect(bob.key)];
    const subscriptions = {
      session: await subscribe(mine, { sessionId: shared }),
      workspace: await subscribe(mine, { workspaceId: w }),
      feedOfWorkspace: await subscribe(mine, { feed: true, workspaceId: w }),
      all: await subscribe(all, { all: true }),
      feed: await subscribe(all, { feed: true }),
    };
    for (const target of [{ sessionId: shared }, { workspaceId: w }, { all: true }, { feed: true }]) await subscribe(theirs, target);
    const sse = [
      await stream(`/api/sessions/${shared}/events/stream`, ada.key),
      await stream(`/api/feed/stream?workspaceId=${w}`, ada.key),
    ];
    const others = [await stream(`/api/sessions/${shared}/events/stream`, bob.key), await stream('/api/feed/stream', ada.key)];
    const polls = [await poll(`/api/sessions/${shared}/events`, ada.key), await poll('/api/feed', ada.key)];

    await remove(w, ada.id);
    await append(shared, 'after');
    const later = await report(w);
    await append(own, 'fence');
    await app.call('PATCH', `/api/sessions/${own}`, { key: ada.key, body: { name: 'fence' } });

    const fence = (frame: Frame) => frame.type === 'events' && textsOf([frame], own).includes('fence');
    await all.frame(fence, 'the fence');
    await all.frame(
      ({ type, name, sessionId }) => type === 'feed' && name === 'session.updated' && sessionId === own,
      'the fence in the feed',
    );
    expect(await mine.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
    const told = mine.frames.filter(({ type }) => type === 'access_withdrawn');
    expect(told).toEqual([
      { type: 'access_withdrawn', sessionId: shared, subscription: subscriptions.session },
      { type: 'access_withdrawn', workspaceId: w, subscription: subscriptions.workspace },
      { type: 'access_withdrawn', workspaceId: w, subscription: subscriptions.feedOfWorkspace },
    ]);
    expect(all.frames.filter(({ type }) => type === 'access_withdrawn')).toEqual([
      { type: 'access_withdrawn', sessionId: shared, subscription: subscriptions.all },
    ]);
    for (const client of [mine, all]) {
      expect(textsOf(client.frames, shared)).not.toContain('after');
      const end = client.frames.findIndex(({ type }) => type === 'access_withdrawn');
      expect(client.frames.slice(end).filter((frame) => frame.sessionId === shared && frame.type !== 'access_withdrawn')).toEqual([]);
      expect(client.frames.filter(({ sessionId }) => sessionId === later)).toEqual([]);
      expect(client.frames.filter(({ name }) => name === 'workspace.member-removed')).toEqual([]);
    }
    for (const name of ['session', 'workspace', 'feedOfWorkspace'] as const)
      expect(await mine.request({ type: 'unsubscribe', subscription: subscriptions[name] })).toMatchObject({ code: 'not_subscribed' });
    expect(await all.request({ type: 'unsubscribe', subscription: subscriptions.feed })).toMatchObject({ type: 'reply' });
    expect(await mine.request({ type: 'subscribe', sessionId: shared })).toMatchObject({ code: 'session_not_found' });

    await Promise.all(sse.map((each) => each.untilEnded()));
    expect(sse.map(({ frames }) => frames.at(-1))).toEqual([
      { type: 'access_withdrawn', sessionId: shared },
      { type: 'access_withdrawn', workspaceId: w },
    ]);
    expect(textsOf(sse[0]?.frames ?? [], shared)).toEqual(['before']);
    expect(await polls[0]?.answer).toMatchObject({ status: 404, body: { code: 'session_not_found' } });
    const feed = await polls[1]?.answer;
    expect(feed?.status).toBe(200);
    expect(feed?.body.items.map(({ name }: Frame) => name)).toEqual(['session.updated']);

    await theirs.frame((frame) => frame.type === 'events' && textsOf([frame], shared).includes('after'), 'the event of others');
    await theirs.frame(({ type, sessionId }) => type === 'snapshot' && sessionId === later, 'the new session of others');
    await theirs.frame(({ name }) => name === 'workspace.member-removed', 'the removal in the feed of others');
    expect(theirs.frames.filter(({ type }) => type === 'access_withdrawn')).toEqual([]);
    await others[0]?.frame((frame) => frame.type === 'events' && textsOf([frame], shared).includes('after'));
    await others[1]?.frame(({ name, sessionId }) => name === 'session.updated' && sessionId === own);
    expect(others.map(({ hasEnded }) => hasEnded)).toEqual([false, false]);
  });

  it('sends nothing behind the announcement, however much is under way', async () => {
    const [ada, w] = [await person('ada'), await workspace()];
    const sessions = await Promise.all([report(w), report(w), report(w)]);
    /** What is given to any outlet, in this order. */
    const sent: string[] = [];
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its outlet below
    const { send } = Outlet.prototype;
    jest.spyOn(Outlet.prototype, 'send').mockImplementation(function (this: Outlet, frame) {
      sent.push(frame.text);
      send.call(this, frame);
    });
    let announcedAt = -1;
    const unsubscribe = app.get(EventBus).subscribe(({ name }) => {
      if (name === 'workspace.member-removed') announcedAt = sent.length;
    });
    open.push({ close: unsubscribe });
    let isOver = false;
    let written = 0;
    const writers = sessions.map(async (sessionId) => {
      for (; !isOver; written++)
        await app.call('POST', `/api/sessions/${sessionId}/events`, { body: { events: [log('a'), log('b'), log('c')] } });
    });
    // As if the look-up took long: much is written meanwhile.
    const authenticator = app.get(Authenticator);
    const look = authenticator.refreshed.bind(authenticator);
    jest.spyOn(authenticator, 'refreshed').mockImplementation(async (principal) => {
      const from = written;
      await eventually(() => written > from + 9);
      return look(principal);
    });
    for (let round = 0; round < 6; round++) {
      await setMember(app, w, ada.id, 'viewer');
      const client = await connect(ada.key);
      for (const target of [{ sessionId: sessions[0] }, { workspaceId: w }, { all: true }, { feed: true }])
        client.send({ type: 'subscribe', ...target });
      const sse = await SseClient.open(`${app.url}/api/sessions/${sessions[1]}/events/stream`, ada.key);
      await client.until(() => sessions.every((id) => client.events(id).length > 10 * round), 'events of all');
      await remove(w, ada.id);
      await client.frame(isWithdrawn({ workspaceId: w }), 'the end');
      await sse.untilEnded();
      // Nobody else is connected.
      const types = sent.slice(announcedAt).map((text) => JSON.parse(text).type);
      expect(types.filter((type) => type !== 'access_withdrawn')).toEqual([]);
      expect(types.length).toBeGreaterThan(4);
      sent.length = 0;
      await client.close();
    }
    isOver = true;
    await Promise.all(writers);
  });

  it('shows what came into sight, as new', async () => {
    const [ada, w] = [await person('ada'), await workspace()];
    const [first, second] = [await report(w), await report(w)];
    await append(first, 'one');
    const client = await connect(ada.key);
    const subscription = await subscribe(client, { all: true });
    await subscribe(client, { feed: true });
    await setMember(app, w, ada.id, 'viewer');
    await client.frame((frame) => frame.type === 'events' && textsOf([frame], first).includes('one'), 'the event of before');
    await client.frame(({ type, sessionId }) => type === 'snapshot' && sessionId === second, 'the other session');
    await client.frame(({ type, name }) => type === 'feed' && name === 'workspace.member-set', 'the feed of the workspace');
    await append(second, 'two');
    await client.frame((frame) => frame.type === 'events' && textsOf([frame], second).includes('two'), 'a live event');
    await remove(w, ada.id);
    await client.frame(isWithdrawn({ sessionId: second, subscription }), 'the end of it');
    await setMember(app, w, ada.id, 'viewer');
    const from = client.frames.length;
    await client.frame(isCaughtUp({ sessionId: second }), 'all of it again', from);
    expect(textsOf(client.frames.slice(from), second)).toEqual(['two']);
  });

  it('lets who lost a role go on reading, and do nothing more', async () => {
    const [ada, w] = [await person('ada'), await workspace()];
    await setMember(app, w, ada.id, 'editor');
    const sessionId = await report(w);
    const client = await connect(ada.key);
    await subscribe(client, { sessionId });
    const events = [log('mine')];
    expect(await client.request({ type: 'append', sessionId, events })).toMatchObject({
      type: 'reply',
      data: { results: [{ duplicate: false }] },
    });
    await setMember(app, w, ada.id, 'viewer');
    const refused = { type: 'error', code: 'forbidden', status: 403 };
    expect(await client.request({ type: 'append', sessionId, events })).toMatchObject(refused);
    for (const frame of [
      { type: 'session.input', sessionId, content: 'go' },
      { type: 'session.interrupt', sessionId },
      { type: 'session.stop', sessionId },
      { type: 'session.create', runtime: 'external', workspaceId: w },
    ])
      expect(await client.request(frame)).toMatchObject(refused);
    await append(sessionId, 'still');
    await client.frame((frame) => frame.type === 'events' && textsOf([frame], sessionId).includes('still'), 'an event');
    await remove(w, ada.id);
    const gone = { type: 'error', code: 'session_not_found', status: 404 };
    expect(await client.request({ type: 'append', sessionId, events })).toMatchObject(gone);
    for (const type of ['session.interrupt', 'session.stop']) expect(await client.request({ type, sessionId })).toMatchObject(gone);
    expect(await client.request({ type: 'session.input', sessionId, content: 'go' })).toMatchObject(gone);
    expect(await client.request({ type: 'session.create', runtime: 'external', workspaceId: w })).toMatchObject({
      code: 'workspace_not_found',
    });
    await setMember(app, w, ada.id, 'editor');
    expect(await client.request({ type: 'append', sessionId, events })).toMatchObject({ type: 'reply' });
  });

  it('lets what arrives while access is looked up wait for it', async () => {
    const [ada, w] = [await person('ada'), await workspace()];
    await setMember(app, w, ada.id, 'editor');
    const sessionId = await report(w);
    const client = await connect(ada.key);
    await subscribe(client, { sessionId });
    const authenticator = app.get(Authenticator);
    const look = authenticator.refreshed.bind(authenticator);
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    jest.spyOn(authenticator, 'refreshed').mockImplementation(async (principal) => {
      await gate;
      return look(principal);
    });
    await remove(w, ada.id);
    const answers = Promise.all([
      client.request({ type: 'append', sessionId, events: [log('x')] }),
      client.request({ type: 'session.stop', sessionId }),
      client.request({ type: 'subscribe', workspaceId: w }),
      client.request({ type: 'subscribe', all: true }),
    ]);
    await append(sessionId, 'after');
    expect((await app.call('GET', '/api/me', { key: ada.key })).body.roles).toEqual({});
    letGo();
    const gone = { type: 'error', status: 404 };
    expect(await answers).toMatchObject([gone, gone, gone, { type: 'reply' }]);
    await client.frame(isCaughtUp({ sessions: 0 }), 'nothing to follow');
    expect(client.frames.filter(isWithdrawn({ sessionId }))).toHaveLength(1);
    expect(textsOf(client.frames, sessionId)).toEqual([]);
    expect((await app.call('GET', `/api/sessions/${sessionId}`)).body.status).toBe('running');
  });

  describe('with its credential', () => {
    /** Everything that can be open with a key, on a session of its holder. */
    async function everything(
      key: string,
    ): Promise<{ client: WsClient; sse: SseClient[]; polls: { answer: Promise<Answer> }[]; sessionId: string }> {
      const sessionId = await report(undefined, key);
      const client = await connect(key);
      await subscribe(client, { sessionId });
      await subscribe(client, { feed: true });
      const sse = [await stream(`/api/sessions/${sessionId}/events/stream`, key), await stream('/api/feed/stream', key)];
      const polls = [await poll(`/api/sessions/${sessionId}/events`, key), await poll('/api/feed', key)];
      return { client, sse, polls, sessionId };
    }

    async function expectCut({ client, sse, polls }: Awaited<ReturnType<typeof everything>>): Promise<void> {
      await client.untilClosed();
      expect(client.closed).toEqual({ code: 4401, reason: 'the credentials were revoked or have expired' });
      await Promise.all(sse.map((each) => each.untilEnded()));
      for (const { frames } of sse) expect(frames.at(-1)).toMatchObject({ type: 'error', code: 'unauthenticated', status: 401 });
      for (const { answer } of polls) expect(await answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    }

    it('cuts what is open with a key that is revoked', async () => {
      const ada = await person('ada');
      const other = await giveKey(app, { principalId: ada.id });
      const cut = await everything(ada.key);
      const kept = await connect(other.secret);
      await subscribe(kept, { sessionId: cut.sessionId });
      await revokeKey(app, ada.keyId);
      await append(cut.sessionId, 'after', other.secret);
      await expectCut(cut);
      for (const { frames } of [cut.client, ...cut.sse]) expect(textsOf(frames, cut.sessionId)).toEqual([]);
      await kept.frame((frame) => frame.type === 'events' && textsOf([frame], cut.sessionId).includes('after'), 'the event');
      expect(await WsClient.refused(app.url, { key: ada.key })).toMatchObject({ status: 401 });
    });

    it('cuts what is open with a key that expires, at its time', async () => {
      const expiresAt = new Date(Date.now() + 2_500).toISOString();
      const cut = await everything((await person('ada', { expiresAt })).key);
      expect(cut.client.closed).toBeUndefined();
      await expectCut(cut);
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
    });

    it('lets a rotated key go on until its overlap is over', async () => {
      const ada = await person('ada');
      const cut = await everything(ada.key);
      const { status, body } = await app.call('POST', `/api/keys/${ada.keyId}/rotate`, { key: ada.key, body: { overlapS: 1 } });
      expect(status).toBe(201);
      const rotatedAt = Date.now();
      expect(await cut.client.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
      const next = await connect(body.secret);
      await subscribe(next, { sessionId: cut.sessionId });
      await expectCut({ ...cut, polls: cut.polls.slice(0, 1) });
      expect(Date.now() - rotatedAt).toBeGreaterThan(500);
      await append(cut.sessionId, 'after', body.secret);
      await next.frame((frame) => frame.type === 'events' && textsOf([frame], cut.sessionId).includes('after'), 'the event');
      expect((await app.call('GET', '/api/me', { key: ada.key })).status).toBe(401);
    });

    it('cuts at once what is open with a key that is rotated without overlap', async () => {
      const ada = await person('ada');
      const cut = await everything(ada.key);
      expect((await app.call('POST', `/api/keys/${ada.keyId}/rotate`, { body: {} })).status).toBe(201);
      await cut.client.untilClosed();
      expect(cut.client.closed?.code).toBe(4401);
    });

    it('reaches no further than its scopes and its workspaces', async () => {
      const ada = await person('ada');
      const [w, x] = [await workspace(), await workspace()];
      for (const each of [w, x]) await setMember(app, each, ada.id, 'editor');
      const [inside, outside] = [await report(w), await report(x)];
      const narrow = await giveKey(app, { principalId: ada.id, scopes: ['sessions:read'], workspaceIds: [w] });
      const [client, whole] = [await connect(narrow.secret), await connect(ada.key)];
      const subscription = await subscribe(client, { all: true });
      await subscribe(client, { feed: true });
      await subscribe(whole, { all: true });
      expect(client.frames.filter(({ type }) => type === 'snapshot').map(({ sessionId }) => sessionId)).toEqual([inside]);
      expect(await client.request({ type: 'subscribe', sessionId: outside })).toMatchObject({ code: 'session_not_found' });
      expect(await client.request({ type: 'subscribe', workspaceId: x })).toMatchObject({ code: 'workspace_not_found' });
      expect(await client.request({ type: 'append', sessionId: inside, events: [log('x')] })).toMatchObject({ code: 'forbidden' });
      expect(await client.request({ type: 'session.stop', sessionId: inside })).toMatchObject({ code: 'forbidden' });
      await remove(w, ada.id);
      await client.frame(isWithdrawn({ sessionId: inside, subscription }), 'the end');
      await append(outside, 'elsewhere');
      await whole.frame((frame) => frame.type === 'events' && textsOf([frame], outside).includes('elsewhere'), 'the event');
      expect(client.frames.filter(({ sessionId }) => sessionId === outside)).toEqual([]);
      expect(client.frames.filter(({ type, workspaceId }) => type === 'feed' && workspaceId === x)).toEqual([]);
    });

    it('gives an agent its own session and nothing else, until that ends', async () => {
      const w = await workspace();
      const [own, other] = [await report(w), await report(w)];
      const token = await agentToken(app, own);
      const client = await connect(token);
      const subscription = await subscribe(client, { all: true });
      await subscribe(client, { feed: true });
      expect(await client.request({ type: 'append', sessionId: own, events: [log('mine')] })).toMatchObject({ type: 'reply' });
      expect(await client.request({ type: 'append', sessionId: other, events: [log('x')] })).toMatchObject({ code: 'session_not_found' });
      for (const sessionId of [own, other])
        for (const frame of [
          { type: 'session.input', sessionId, content: 'go' },
          { type: 'session.interrupt', sessionId },
          { type: 'session.stop', sessionId },
          { type: 'session.create', runtime: 'external' },
        ])
          expect(await client.request(frame)).toMatchObject({ code: 'forbidden', status: 403 });
      expect(await client.request({ type: 'subscribe', sessionId: other })).toMatchObject({ code: 'session_not_found' });
      expect(await client.request({ type: 'subscribe', workspaceId: w })).toMatchObject({ code: 'workspace_not_found' });
      await append(other, 'x');
      await append(own, 'fence');
      await client.frame((frame) => frame.type === 'events' && textsOf([frame], own).includes('fence'), 'the fence');
      expect(client.frames.filter(({ sessionId }) => sessionId === other)).toEqual([]);
      expect(client.frames.filter(({ type, sessionId }) => type === 'feed' && sessionId !== own)).toEqual([]);
      expect(subscription).toBe('s1');
      await app.get(Keys).revokeSessionKeys(own);
      await append(own, 'after');
      await client.untilClosed();
      expect(client.closed?.code).toBe(4401);
      expect(textsOf(client.frames, own)).not.toContain('after');
      expect(await WsClient.refused(app.url, { key: token })).toMatchObject({ status: 401 });
    });
  });

  it('follows a workspace that is deleted: its sessions are their owners’ from then on', async () => {
    const [ada, bob, w] = [await person('ada'), await person('bob'), await workspace()];
    await setMember(app, w, ada.id, 'editor');
    const hers = await report(w, ada.key);
    const admins = await report(w);
    await setMember(app, w, bob.id, 'viewer');
    for (const id of [hers, admins]) expect((await app.call('POST', `/api/sessions/${id}/stop`)).status).toBe(200);
    await remove(w, ada.id);
    const [owner, viewer, viewerOfAll] = [await connect(ada.key), await connect(bob.key), await connect(bob.key)];
    const [admin, adminOfAll] = [await connect(app.key), await connect(app.key)];
    await subscribe(owner, { all: true });
    expect(owner.frames.filter(({ type }) => type === 'snapshot')).toEqual([]);
    const subscription = await subscribe(viewer, { workspaceId: w });
    await subscribe(viewerOfAll, { all: true });
    await subscribe(viewer, { feed: true });
    const ofAdmin = [await subscribe(admin, { workspaceId: w }), await subscribe(admin, { feed: true, workspaceId: w })];
    await subscribe(adminOfAll, { all: true });
    const sse = await stream(`/api/feed/stream?workspaceId=${w}`, app.key);

    expect((await app.call('DELETE', `/api/workspaces/${w}`)).status).toBe(200);
    await owner.frame(({ type, sessionId }) => type === 'snapshot' && sessionId === hers, 'her session');
    await viewer.frame(isWithdrawn({ workspaceId: w, subscription }), 'the workspace');
    for (const each of ofAdmin) await admin.frame(isWithdrawn({ workspaceId: w, subscription: each }), 'the workspace');
    await sse.untilEnded();
    expect(sse.frames.at(-1)).toEqual({ type: 'access_withdrawn', workspaceId: w });
    // What has ended is over for its readers already.
    for (const each of [viewerOfAll, adminOfAll]) expect(await each.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
    expect(viewerOfAll.frames.filter(({ type }) => type === 'access_withdrawn')).toEqual([]);
    expect(adminOfAll.frames.filter(({ type }) => type === 'access_withdrawn')).toEqual([]);
    expect(viewer.frames.filter(({ name }) => name === 'workspace.deleted')).toEqual([]);
    expect(await owner.request({ type: 'ping' })).toMatchObject({ type: 'pong' });
    expect(owner.frames.filter(({ sessionId }) => sessionId === admins)).toEqual([]);
  });

  it('ends the subscriptions to a session that is deleted', async () => {
    const [ada, w] = [await person('ada'), await workspace()];
    await setMember(app, w, ada.id, 'viewer');
    const [gone, kept] = [await report(w), await report(w)];
    const client = await connect(ada.key);
    await subscribe(client, { all: true });
    await subscribe(client, { feed: true });
    const sse = await stream(`/api/sessions/${gone}/events/stream`, ada.key);
    expect((await app.call('DELETE', `/api/sessions/${gone}?force=true`)).status).toBe(200);
    await client.frame(({ type, sessionId, status }) => type === 'end' && sessionId === gone && status === 'deleted', 'the end');
    await client.frame(({ name, sessionId }) => name === 'session.deleted' && sessionId === gone, 'the deletion in the feed');
    await sse.untilEnded();
    expect(sse.frames.at(-1)).toMatchObject({ type: 'end', status: 'deleted' });
    await append(kept, 'on');
    await client.frame((frame) => frame.type === 'events' && textsOf([frame], kept).includes('on'), 'the other session');
  });

  it('shows each of several principals exactly what is theirs', async () => {
    const [w, x] = [await workspace(), await workspace()];
    const [ada, bob, cleo] = [await person('ada'), await person('bob'), await person('cleo')];
    await setMember(app, w, ada.id, 'editor');
    await setMember(app, x, bob.id, 'owner');
    await setMember(app, w, cleo.id, 'viewer');
    await setMember(app, x, cleo.id, 'viewer');
    const sessions = {
      w: [await report(w), await report(w, ada.key)],
      x: [await report(x), await report(x, bob.key)],
      ada: [await report(undefined, ada.key)],
      bob: [await report(undefined, bob.key)],
      cleo: [await report(undefined, cleo.key)],
      admin: [await report()],
    };
    const seen: [{ key: string }, readonly string[], readonly string[]][] = [
      [ada, [...sessions.w, ...sessions.ada], [w]],
      [bob, [...sessions.x, ...sessions.bob], [x]],
      [cleo, [...sessions.w, ...sessions.x, ...sessions.cleo], [w, x]],
    ];
    const clients = await Promise.all(seen.map(([{ key }]) => connect(key)));
    for (const client of clients) for (const target of [{ all: true }, { feed: true }]) await subscribe(client, target);
    const every = Object.values(sessions).flat();
    for (let n = 0; n < 5; n++) for (const id of every) await append(id, `${n}`);
    for (const id of every) await app.call('PATCH', `/api/sessions/${id}`, { body: { name: 'renamed' } });
    const fences = await Promise.all(seen.map(([{ key }]) => report(undefined, key)));
    for (const [index, client] of clients.entries()) {
      const [, own, workspaces] = seen[index] ?? [{ key: '' }, [], []];
      const fence = fences[index];
      await client.frame(({ type, sessionId }) => type === 'feed' && sessionId === fence, 'the fence');
      await client.frame(isCaughtUp({ sessionId: fence }), 'the fence');
      await client.until(() => own.every((id) => client.events(id).length >= 6), 'all events');
      const expected = [...own, fence].sort();
      const followed = new Set(client.frames.filter(({ type }) => type === 'events').map(({ sessionId }) => sessionId));
      expect([...followed].sort()).toEqual(expected);
      const feed = client.frames.filter(({ type }) => type === 'feed');
      expect([...new Set(feed.flatMap(({ sessionId }) => sessionId ?? []))].sort()).toEqual(expected);
      expect([...new Set(feed.flatMap(({ workspaceId }) => workspaceId ?? []))].sort()).toEqual([...workspaces].sort());
      for (const id of own) expect(feed.filter(({ sessionId, name }) => sessionId === id && name === 'session.updated')).toHaveLength(1);
    }
  });

  it('forgets whom it watched when they are gone', async () => {
    const watch = app.get(AccessWatch);
    await eventually(() => watch.watched === 0);
    const [ada, bob] = [await person('ada'), await person('bob')];
    const [client, cut] = [await connect(ada.key), await connect(bob.key)];
    const sse = await stream('/api/feed/stream', ada.key);
    const { answer } = await poll('/api/feed', bob.key);
    expect(watch.watched).toBe(4);
    await client.close();
    sse.close();
    await revokeKey(app, bob.keyId);
    await cut.untilClosed();
    expect((await answer).status).toBe(401);
    await eventually(() => watch.watched === 0);
  });
});
