import { AgentsModule } from '../../src/agents/agents.module.js';
import { ApprovalsModule } from '../../src/approvals/approvals.module.js';
import { ApprovalRequests } from '../../src/approvals/approval-requests.service.js';
import { ApprovalsService } from '../../src/approvals/approvals.service.js';
import type { NewApproval } from '../../src/approvals/approval.types.js';
import type { Principal } from '../../src/auth/principal.types.js';
import { newId } from '../../src/core/ids.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { Outbox } from '../../src/core/database/outbox.js';
import { ExternalSessions } from '../../src/sessions/external-sessions.service.js';
import { SessionCreation } from '../../src/sessions/session-creation.service.js';
import { SessionLifecycle } from '../../src/sessions/session-lifecycle.service.js';
import { SessionsService } from '../../src/sessions/sessions.service.js';
import { DIALECTS } from '../support/databases.js';
import { startKernel } from '../support/kernel.js';

const ADMIN: Principal = { id: 'admin', kind: 'admin', name: 'Administrator' };
const person = (n: number): Principal => ({ ...ADMIN, id: `user:${n}` });
const OPTIONS = [
  { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
];

describe.each(DIALECTS)('approvals on %s', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let sessionId: string;
  const get = (type: any): any => kernel.module.get(type, { strict: false });

  beforeAll(async () => void (kernel = await startKernel(dialect, [AgentsModule, ApprovalsModule])));
  afterAll(() => kernel?.stop());
  beforeEach(async () => {
    sessionId = (await get(SessionCreation).create(ADMIN, { runtime: 'external' })).session.id;
  });

  const question = (fields: Partial<NewApproval> = {}): NewApproval => ({
    id: newId(),
    sessionId,
    turn: 1,
    source: 'acp',
    actor: 'agent:x',
    kind: 'execute',
    title: 'Run it',
    toolCallId: 'call_1',
    toolCall: { toolCallId: 'call_1', rawInput: { command: 'make' } },
    options: OPTIONS,
    takesEdits: false,
    hostId: `host-${sessionId}`,
    requestId: '7',
    ...fields,
  });
  const ask = async (fields: Partial<NewApproval> = {}): Promise<any> => get(ApprovalRequests).request(question(fields));
  const decide = (id: string, decision: object, by = ADMIN) => get(ApprovalsService).decide(by, id, decision);
  const row = (id: string) => get(ApprovalRequests).find(id);
  const status = async () => (await get(SessionLifecycle).find(sessionId)).status;
  const events = async (): Promise<any[]> =>
    (await get(EventLog).read(sessionId, { after: 0, limit: 500 })).map((each: any) => ({ ...each, payload: JSON.parse(each.payload) }));
  const story = async () =>
    (await events()).flatMap(({ type, payload }) => (type === 'approval' ? [payload.state] : type === 'status' ? [payload.to] : []));
  const facts = async (name: string): Promise<any[]> =>
    (await get(Outbox).search({ sessionId, name }, { after: 0, upTo: 1_000_000, limit: 100 })).map(({ data, actor }: any) => ({
      ...data,
      actor,
    }));

  it('are asked once, however often they are told, and hold what the agent sent', async () => {
    const asked = question();
    const all = await Promise.all(Array.from({ length: 5 }, () => get(ApprovalRequests).request(asked)));
    expect(new Set(all.map(({ createdAt }) => createdAt)).size).toBe(1);
    expect(await row(asked.id)).toMatchObject({ status: 'pending', kind: 'execute', title: 'Run it', deliveredAt: null, decision: null });
    expect(JSON.parse((await row(asked.id)).detail)).toEqual(asked.toolCall);
    expect(await story()).toEqual(['running', 'pending', 'awaiting_approval']);
    expect((await events()).find(({ type }) => type === 'approval').payload).toMatchObject({
      approvalId: asked.id,
      toolCallId: 'call_1',
      title: 'Run it',
      options: OPTIONS,
    });
    expect(await facts('approval.requested')).toEqual([
      expect.objectContaining({ approvalId: asked.id, kind: 'execute', actor: 'agent:x', toolCallId: 'call_1' }),
    ]);
  });

  it('are decided once by twenty at a time', async () => {
    const { id } = await ask();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => decide(id, { optionId: n % 2 === 0 ? 'yes' : 'no' }, person(n))),
    );
    const { decision, decidedBy } = await row(id);
    const { optionId } = JSON.parse(decision);
    const good = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const bad = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(good).toHaveLength(10);
    expect(new Set(good.map((each) => each.decidedBy))).toEqual(new Set([decidedBy]));
    for (const error of bad)
      expect(error).toMatchObject({ code: 'approval_decided', details: { context: { decidedBy, decision: { optionId } } } });
    expect(await facts('approval.decided')).toEqual([
      { approvalId: id, sessionId, optionId, optionKind: expect.any(String), by: decidedBy, actor: decidedBy },
    ]);
    expect(await facts('session.permission-decided')).toEqual([]);
    expect(await story()).toEqual(['running', 'pending', 'awaiting_approval', 'decided', 'running']);
  });

  it('repeat an equal decision, with its reason, and refuse another one', async () => {
    const { id } = await ask();
    const first = await decide(id, { optionId: 'no', text: 'too risky' });
    expect(await decide(id, { optionId: 'no', text: 'too risky' }, person(1))).toEqual(first);
    await expect(decide(id, { optionId: 'no' })).rejects.toMatchObject({ code: 'approval_decided' });
    expect((await facts('approval.decided'))[0]).toMatchObject({ text: 'too risky' });
    expect((await events()).at(-2)).toMatchObject({ actor: 'admin', payload: { state: 'decided', by: 'admin', reason: 'too risky' } });
  });

  it('refuse an option that was not offered, and edits where the agent takes none, and stay open', async () => {
    const { id } = await ask();
    await expect(decide(id, { optionId: 'perhaps' })).rejects.toMatchObject({
      code: 'unknown_option',
      details: { context: { possible: ['yes', 'no'] } },
    });
    await expect(decide(id, { optionId: 'yes', edits: { command: 'true' } })).rejects.toMatchObject({ code: 'edits_not_supported' });
    expect((await row(id)).status).toBe('pending');
    const other = await ask({ takesEdits: true });
    expect(await decide(other.id, { optionId: 'yes', edits: { command: 'true' } })).toMatchObject({ status: 'decided' });
    expect((await facts('approval.decided'))[0]).toMatchObject({ isEdited: true });
  });

  it('keep the session waiting until none is pending', async () => {
    const [one, two] = [await ask(), await ask()];
    await decide(one.id, { optionId: 'yes' });
    expect(await status()).toBe('awaiting_approval');
    await decide(two.id, { optionId: 'no' });
    expect(await status()).toBe('running');
  });

  it('are cancelled by the end of the turn, the end of the session, and a process that is gone', async () => {
    const { id } = await ask();
    const draft = { type: 'turn', source: 'api', actor: 'admin', payload: { state: 'completed' } };
    await get(ExternalSessions).reportMove(ADMIN, sessionId, draft);
    expect(await row(id)).toMatchObject({ status: 'cancelled', decidedBy: 'admin', reason: expect.any(String) });
    expect(await status()).toBe('idle');
    const next = await ask();
    expect(await status()).toBe('awaiting_approval');
    await get(SessionLifecycle).processGone(sessionId, 'lost', { reason: 'it is gone' });
    expect(await row(next.id)).toMatchObject({ status: 'cancelled', decidedBy: 'system', reason: 'it is gone' });
    await get(SessionLifecycle).move(sessionId, 'running');
    const last = await ask();
    await get(SessionsService).stop(ADMIN, sessionId);
    expect(await row(last.id)).toMatchObject({ status: 'cancelled', decidedBy: 'admin', reason: 'stopped by admin' });
    expect((await story()).slice(-2)).toEqual(['cancelled', 'stopped']);
    await expect(decide(last.id, { optionId: 'yes' })).rejects.toMatchObject({ code: 'approval_closed' });
    expect(await facts('approval.cancelled')).toHaveLength(3);
    expect(await ask()).toBeNull();
  });

  it('race with the end of the session: each is decided or cancelled, never both', async () => {
    const asked = await Promise.all(Array.from({ length: 6 }, () => ask()));
    await Promise.allSettled([
      ...asked.slice(0, 3).map(({ id }) => decide(id, { optionId: 'yes' })),
      get(SessionsService).stop(ADMIN, sessionId),
      ...asked.slice(3).map(({ id }) => decide(id, { optionId: 'no' })),
    ]);
    const ends = (await events()).filter(({ type, payload }) => type === 'approval' && payload.state !== 'pending');
    expect(ends.map(({ payload }) => payload.approvalId).sort()).toEqual(asked.map(({ id }) => id).sort());
    for (const { payload } of ends) expect((await row(payload.approvalId)).status).toBe(payload.state);
  });

  it('expire when nobody answers in time, the agent is to be told no', async () => {
    const { id } = await ask({ timeoutMs: 1 });
    await eventuallyExpired(id);
    expect(await row(id)).toMatchObject({ status: 'expired', decidedBy: 'system', reason: 'nobody answered in time' });
    expect(await status()).toBe('running');
    expect(await get(ApprovalRequests).answersFor(`host-${sessionId}`)).toEqual([
      { approvalId: id, requestId: '7', optionId: 'no', isAllowed: false },
    ]);
    await expect(decide(id, { optionId: 'yes' })).rejects.toMatchObject({
      code: 'approval_closed',
      details: { context: { status: 'expired' } },
    });
    expect(await facts('approval.expired')).toHaveLength(1);
  });

  it('tell a host that is reached again what was answered', async () => {
    const [one, two] = [await ask({ requestId: '1' }), await ask({ requestId: '2' })];
    await decide(one.id, { optionId: 'yes' });
    const wanted = () => get(ApprovalRequests).answersFor(`host-${sessionId}`);
    const first = { approvalId: one.id, requestId: '1', optionId: 'yes', isAllowed: true };
    expect(await wanted()).toEqual([first]);
    await get(ApprovalRequests).noteDelivered(one.id);
    await get(ApprovalRequests).cancelAll(sessionId, 'enough');
    expect(await wanted()).toEqual(
      expect.arrayContaining([first, { approvalId: two.id, requestId: '2', optionId: null, isAllowed: false }]),
    );
  });

  it('put what is large beside the log, and forget it with the log', async () => {
    const newText = 'x'.repeat(200_000);
    const content = [{ type: 'diff', path: '/a', oldText: null, newText }];
    const { id } = await ask({ toolCall: { toolCallId: 'call_1', content } });
    const [diff] = JSON.parse((await row(id)).detail).content;
    expect(diff).toMatchObject({ type: 'diff', path: '/a', newText: { size: 200_000, blob: expect.any(String) } });
    const { seq } = await row(id);
    await get(ApprovalRequests).forget(sessionId, seq);
    expect((await row(id)).detail).not.toBeNull();
    await decide(id, { optionId: 'yes' });
    await get(ApprovalRequests).forget(sessionId, seq - 1);
    expect((await row(id)).detail).not.toBeNull();
    await get(ApprovalRequests).forget(sessionId, seq);
    expect((await row(id)).detail).toBeNull();
  });

  it('are listed by status, session and page, and go with their session', async () => {
    const all = [await ask(), await ask(), await ask()];
    await decide(all[0].id, { optionId: 'yes' });
    const list = (query: object) => get(ApprovalsService).list(ADMIN, { limit: 50, sessionId, ...query });
    expect((await list({ status: ['pending'], total: true })).total).toBe(2);
    const first = await list({ limit: 2 });
    const second = await list({ limit: 2, cursor: first.nextCursor });
    expect([...first.items, ...second.items].map(({ id }: any) => id).sort()).toEqual(all.map(({ id }) => id).sort());
    expect(second.nextCursor).toBeNull();
    const stranger: Principal = { id: 'user:eve', kind: 'user', name: 'Eve' };
    expect((await get(ApprovalsService).list(stranger, { limit: 50 })).items).toEqual([]);
    await expect(get(ApprovalsService).get(stranger, all[0].id)).rejects.toMatchObject({ code: 'approval_not_found' });
    await get(SessionsService).remove(ADMIN, sessionId, { force: true });
    expect(await row(all[1].id)).toBeNull();
  });

  async function eventuallyExpired(id: string): Promise<void> {
    while ((await row(id)).status === 'pending') await get(ApprovalRequests).expireDue();
  }
});
