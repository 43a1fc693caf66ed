import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RetentionSweeper } from '../../src/sessions/retention-sweeper.service.js';
import { TestApp } from '../support/app.js';
import { bench, ran } from '../support/asking-sessions.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { giveKey, setMember } from '../support/principals.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

describe.each(DIALECTS)('what the demo agent asks on %s', (dialect) => {
  let app: TestApp;
  let workspace: { id: string; path: string };
  let on: ReturnType<typeof bench>;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'ask');
    on = bench((method, path, body) => app.call(method, path, { body }), workspace);
  });
  afterAll(() => app?.close());

  it('waits for people by default; allowed, the tool runs once and the turn goes on', async () => {
    const session = await on.ask({ prompt: 'say:before\nrun:echo ran >> once.txt\nsay:after' });
    expect(session.policy).toBe('ask');
    const asked = await on.pending(session.id);
    expect(asked).toMatchObject({
      sessionId: session.id,
      turn: 1,
      kind: 'execute',
      title: 'Run echo ran >> once.txt',
      detail: { rawInput: { command: 'echo ran >> once.txt' }, kind: 'execute' },
      status: 'pending',
      takesEdits: false,
      expiresAt: expect.any(String),
    });
    expect(asked.options.map(({ kind }: any) => kind)).toEqual(['allow_once', 'allow_always', 'reject_once', 'reject_always']);
    expect((await on.get(session.id)()).body.status).toBe('awaiting_approval');
    expect(ran(join(workspace.path, 'once.txt'))).toBe(0);
    expect(await on.decide(asked.id, { optionId: 'no such' })).toMatchObject({
      status: 400,
      body: { code: 'unknown_option', context: { possible: ['allow_once', 'allow_always', 'reject_once', 'reject_always'] } },
    });
    expect(await on.decide(asked.id, {})).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(await on.decide(asked.id, { optionId: 'allow_once', edits: {} })).toMatchObject({
      status: 409,
      body: { code: 'edits_not_supported' },
    });

    const decided = await on.decide(asked.id, { optionId: 'allow_once', text: 'looks good' });
    expect(decided).toMatchObject({
      status: 200,
      body: { status: 'decided', decision: { optionId: 'allow_once', text: 'looks good' }, decidedBy: 'admin' },
    });
    expect(await on.decide(asked.id, { optionId: 'allow_once', text: 'looks good' })).toMatchObject({
      status: 200,
      body: { status: 'decided' },
    });
    expect(await on.decide(asked.id, { optionId: 'reject_once' })).toMatchObject({
      status: 409,
      body: { code: 'approval_decided', context: { decidedBy: 'admin', decision: { optionId: 'allow_once' } } },
    });
    await untilStatus(on.get(session.id), 'idle');
    expect(ran(join(workspace.path, 'once.txt'))).toBe(1);
    expect(await on.story(session.id)).toEqual([
      'queued',
      'starting',
      'running',
      'turn started',
      'approval pending',
      'awaiting_approval',
      'approval decided',
      'running',
      'turn completed',
      'idle',
    ]);
    await eventually(async () => (await app.call('GET', `/api/approvals/${asked.id}`)).body.deliveredAt);
    const audit = await app.call('GET', `/api/audit?sessionId=${session.id}&name=approval.decided`);
    expect(audit.body.items).toMatchObject([
      {
        actor: 'admin',
        target: { kind: 'approval', id: asked.id },
        before: { status: 'pending' },
        after: { status: 'decided', optionId: 'allow_once', text: 'looks good' },
      },
    ]);
  });

  it('is answered over the WebSocket; rejected, the tool does not run', async () => {
    const client = await WsClient.connect(app.url, { key: app.key });
    await client.request({ type: 'subscribe', all: true });
    const session = await on.ask({ prompt: 'run:touch rejected.txt\nsay:well then' });
    const isPending = (event: any) => event.type === 'approval' && event.payload.state === 'pending';
    const frame: any = await client.frame(
      (each: any) => each.type === 'events' && each.sessionId === session.id && each.events.some(isPending),
      'the question',
    );
    const { approvalId, options, title } = frame.events.find(isPending).payload;
    expect(title).toBe('Run touch rejected.txt');
    const reject = options.find(({ kind }: any) => kind === 'reject_once').optionId;
    const reply: any = await client.request({ type: 'approval.decide', approvalId, optionId: reject, text: 'not here' });
    expect(reply).toMatchObject({ type: 'reply', data: { approval: { id: approvalId, status: 'decided', decidedBy: 'admin' } } });
    expect(await client.request({ type: 'approval.decide', approvalId, optionId: 'allow_once' })).toMatchObject({
      type: 'error',
      code: 'approval_decided',
      status: 409,
    });
    expect(await client.request({ type: 'approval.decide', approvalId: 'none', optionId: 'x' })).toMatchObject({
      code: 'approval_not_found',
    });
    await untilStatus(on.get(session.id), 'idle');
    expect(existsSync(join(workspace.path, 'rejected.txt'))).toBe(false);
    expect((await on.story(session.id)).slice(-2)).toEqual(['turn completed', 'idle']);
    await client.close();
  });

  it('hands "always" on as the agent offers it: it does not ask again', async () => {
    const session = await on.ask({ prompt: 'run:echo a >> always.txt\nrun:echo b >> always.txt' });
    const asked = await on.pending(session.id);
    await on.decide(asked.id, { optionId: 'allow_always' });
    await untilStatus(on.get(session.id), 'idle');
    expect(ran(join(workspace.path, 'always.txt'))).toBe(2);
    expect((await app.call('GET', `/api/sessions/${session.id}/approvals?total=true`)).body.total).toBe(1);
  });

  it('is allowed by allow-reads where it only reads, and asked otherwise', async () => {
    const session = await on.ask({ prompt: 'run:touch reads.txt', policy: 'allow-reads' });
    const asked = await on.pending(session.id);
    expect(existsSync(join(workspace.path, 'reads.txt'))).toBe(false);
    await on.decide(asked.id, { optionId: 'allow_once' });
    await untilStatus(on.get(session.id), 'idle');
    expect(existsSync(join(workspace.path, 'reads.txt'))).toBe(true);
  });

  it('is cancelled by an interrupt, which ends the turn; the next prompt is taken', async () => {
    const session = await on.ask({ prompt: 'run:touch interrupted.txt' });
    const asked = await on.pending(session.id);
    expect((await app.call('POST', `/api/sessions/${session.id}/interrupt`)).status).toBe(202);
    expect(await on.decide(asked.id, { optionId: 'allow_once' })).toMatchObject({
      status: 409,
      body: { code: 'approval_closed', context: { status: 'cancelled', reason: 'interrupted by admin' } },
    });
    await untilStatus(on.get(session.id), 'idle');
    expect(await on.story(session.id)).toEqual(expect.arrayContaining(['approval cancelled', 'turn cancelled']));
    expect(existsSync(join(workspace.path, 'interrupted.txt'))).toBe(false);
    const again = { body: { content: 'run:touch second.txt' } };
    await app.call('POST', `/api/sessions/${session.id}/input`, again);
    await on.pending(session.id);
    await app.call('POST', `/api/sessions/${session.id}/input`, { body: { content: 'say:third', interrupt: true } });
    await eventually(async () => JSON.stringify(await on.events(session.id)).includes('"third"'));
    await untilStatus(on.get(session.id), 'idle');
    const states = (await app.call('GET', `/api/sessions/${session.id}/approvals`)).body.items.map(({ status }: any) => status);
    expect(states).toEqual(['cancelled', 'cancelled']);
  });

  it('is cancelled by a suspension', async () => {
    const session = await on.ask({ prompt: 'run:touch suspended.txt' });
    const asked = await on.pending(session.id);
    await app.call('POST', `/api/sessions/${session.id}/suspend`);
    expect((await app.call('GET', `/api/approvals/${asked.id}`)).body).toMatchObject({ status: 'cancelled', decidedBy: 'admin' });
    await untilStatus(on.get(session.id), 'suspended');
    expect(existsSync(join(workspace.path, 'suspended.txt'))).toBe(false);
  });

  it('is cancelled by a stop, and gone with a deleted session', async () => {
    const session = await on.ask({ prompt: 'run:touch stopped.txt' });
    const asked = await on.pending(session.id);
    expect(await app.call('POST', `/api/sessions/${session.id}/stop`)).toMatchObject({ status: 200, body: { status: 'stopped' } });
    expect((await app.call('GET', `/api/approvals/${asked.id}`)).body).toMatchObject({ status: 'cancelled', decidedBy: 'admin' });
    const other = await on.ask({ prompt: 'run:touch deleted.txt' });
    const lost = await on.pending(other.id);
    await app.call('DELETE', `/api/sessions/${other.id}?force=true`);
    expect(await app.call('GET', `/api/approvals/${lost.id}`)).toMatchObject({ status: 404, body: { code: 'approval_not_found' } });
    expect(existsSync(join(workspace.path, 'stopped.txt'))).toBe(false);
  });

  it('is forgotten with the events of its turn, but for who decided what', async () => {
    const session = await on.ask({ prompt: 'run:true' });
    const { id, detail } = await on.pending(session.id);
    expect(detail).not.toBeNull();
    await on.decide(id, { optionId: 'allow_once' });
    await untilStatus(on.get(session.id), 'idle');
    await app.call('PATCH', `/api/workspaces/${workspace.id}`, { body: { retention: { maxEvents: 1 } } });
    await app.get(RetentionSweeper).sweep();
    const forgotten = await eventually<any>(
      async () => (await app.call('GET', `/api/approvals/${id}`)).body,
      (approval) => approval.detail === null,
    );
    expect(forgotten).toMatchObject({ status: 'decided', decidedBy: 'admin', decision: { optionId: 'allow_once' } });
  });

  it('is decided by editors, seen by viewers, and hidden from others', async () => {
    const [editor, viewer, stranger] = await Promise.all(['ed', 'vi', 'st'].map((each) => giveKey(app, { principalId: `user:${each}` })));
    await setMember(app, workspace.id, 'user:ed', 'editor');
    await setMember(app, workspace.id, 'user:vi', 'viewer');
    const session = await on.ask({ prompt: 'run:touch access.txt' });
    const { id } = await on.pending(session.id);
    const as = (key: string | undefined, method: string, path: string, body?: unknown) => app.call(method, path, { key, body });
    expect(await as(stranger?.secret, 'GET', `/api/approvals/${id}`)).toMatchObject({ status: 404, body: { code: 'approval_not_found' } });
    expect((await as(stranger?.secret, 'GET', '/api/approvals')).body.items).toEqual([]);
    expect(await as(stranger?.secret, 'POST', `/api/approvals/${id}/decide`, { optionId: 'allow_once' })).toMatchObject({ status: 404 });
    expect((await as(viewer?.secret, 'GET', `/api/approvals?workspaceId=${workspace.id}&status=pending`)).body.items).toMatchObject([
      { id },
    ]);
    expect(await as(viewer?.secret, 'POST', `/api/approvals/${id}/decide`, { optionId: 'allow_once' })).toMatchObject({ status: 403 });
    expect(await as(editor?.secret, 'POST', `/api/approvals/${id}/decide`, { optionId: 'allow_once' })).toMatchObject({
      status: 200,
      body: { decidedBy: 'user:ed' },
    });
    await untilStatus(on.get(session.id), 'idle');
  });
});

describe.each(DIALECTS)('a question that nobody answers on %s', (dialect) => {
  it('expires, and the agent is told no', async () => {
    const app = await TestApp.start(dialect, { MUSTER_APPROVAL_TIMEOUT_MS: '300' });
    try {
      const workspace = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'late');
      const on = bench((method, path, body) => app.call(method, path, { body }), workspace);
      const session = await on.ask({ prompt: 'run:touch late.txt\nsay:went on' });
      await untilStatus(on.get(session.id), 'idle');
      const [expired] = (await app.call('GET', `/api/sessions/${session.id}/approvals`)).body.items;
      expect(expired).toMatchObject({ status: 'expired', decidedBy: 'system', reason: 'nobody answered in time' });
      expect(await on.story(session.id)).toEqual(expect.arrayContaining(['approval expired', 'turn completed']));
      expect(existsSync(join(workspace.path, 'late.txt'))).toBe(false);
    } finally {
      await app.close();
    }
  });
});
