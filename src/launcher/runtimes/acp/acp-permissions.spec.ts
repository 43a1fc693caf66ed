import type { Answer, NewApproval } from '../../../approvals/approval.types.js';
import type { PermissionPolicy } from '../../../sessions/session.types.js';
import type { AgentQuestions } from '../../agent-questions.service.js';
import type { AgentHost } from '../../host/agent-host.types.js';
import { AcpPermissions } from './acp-permissions.js';
import { AnnouncedCalls } from './announced-calls.js';

const OPTIONS = [
  { optionId: 'yes', name: 'Yes', kind: 'allow_once' },
  { optionId: 'no', name: 'No', kind: 'reject_once' },
] as const;

function bench(policy: PermissionPolicy, { canAsk = true, isTaken = true } = {}) {
  const told: [string, string | null][] = [];
  const asked: NewApproval[] = [];
  let answering: (answer: Answer) => Promise<void> = async () => undefined;
  const host: Partial<AgentHost> = {
    id: 'h',
    exited: new Promise(() => undefined),
    decide: async (requestId, optionId) => void told.push([requestId, optionId]),
  };
  const questions: Pick<AgentQuestions, 'open' | 'close' | 'ask' | 'giveUp'> = {
    open: (_hostId, take) => void (answering = take),
    close: () => undefined,
    ask: async (question) => (asked.push(question), isTaken),
    giveUp: async () => undefined,
  };
  const options = { sessionId: 's', policy, canAsk, actor: 'agent:s' };
  const permissions = new AcpPermissions(host as AgentHost, questions as AgentQuestions, options);
  return {
    permissions,
    told,
    asked,
    answer: (answer: Partial<Answer>) => answering({ approvalId: 'h:1', requestId: '7', ...answer } as Answer),
  };
}

const request = (toolCall: object): any => ({
  n: 1,
  kind: 'permission',
  requestId: '7',
  request: { sessionId: 'x', toolCall: { toolCallId: 'c', ...toolCall }, options: OPTIONS },
});

describe('a permission request', () => {
  it('becomes a question with all that the agent has said of the call, and is answered when people have', async () => {
    const { permissions, told, asked, answer } = bench('ask');
    const diff = [{ type: 'diff', path: '/a', oldText: 'x', newText: 'y' }];
    permissions.see({
      sessionUpdate: 'tool_call',
      toolCallId: 'c',
      title: 'Edit a',
      kind: 'edit',
      content: diff,
      rawInput: { path: '/a' },
    });
    const record = request({ title: 'Edit /a', content: [], rawInput: null });
    const permission = permissions.take(record, { turn: 3, isCancelling: false });
    expect(permission).toMatchObject({
      kind: 'ask',
      question: {
        id: 'h:1',
        turn: 3,
        kind: 'edit',
        title: 'Edit /a',
        toolCall: { toolCallId: 'c', title: 'Edit /a', kind: 'edit', content: diff, rawInput: { path: '/a' } },
        options: OPTIONS,
        hostId: 'h',
        requestId: '7',
      },
    });
    if (permission.kind !== 'ask') throw new Error('unreachable');
    expect(permission.question.toolCall).not.toHaveProperty('sessionUpdate');
    await permissions.ask(permission.question);
    permissions.settle(record);
    expect(asked).toHaveLength(1);
    expect(told).toEqual([]);
    void answer({ optionId: 'no', isAllowed: false });
    expect(told).toEqual([['7', 'no']]);
    expect(permissions.hasRejected).toBe(true);
  });

  it('is cancelled where nobody can be asked any more', async () => {
    const { permissions, told } = bench('ask', { isTaken: false });
    const permission = permissions.take(request({}), { turn: 1, isCancelling: false });
    if (permission.kind !== 'ask') throw new Error('a question was expected');
    await permissions.ask(permission.question);
    permissions.settle(request({}));
    expect(told).toEqual([['7', null]]);
  });

  it('is cancelled at once while its turn is being ended', () => {
    const { permissions, told } = bench('ask');
    expect(permissions.take(request({}), { turn: 1, isCancelling: true })).toMatchObject({
      kind: 'event',
      draft: { payload: { state: 'cancelled' } },
    });
    permissions.settle(request({}));
    expect(told).toEqual([['7', null]]);
  });

  it('is told what the policy says when the log has it, and not before', () => {
    const { permissions, told } = bench('allow-all');
    expect(permissions.take(request({}), { turn: 1, isCancelling: false })).toMatchObject({
      kind: 'event',
      draft: { id: 'h:1.approval', payload: { state: 'decided', optionId: 'yes', by: 'policy:allow-all', approvalId: 'h:1' } },
    });
    expect(told).toEqual([]);
    permissions.settle(request({}));
    permissions.settle(request({}));
    expect(told).toEqual([['7', 'yes']]);
  });

  it('takes a harmless kind for harmless only where the agent has never said otherwise', () => {
    const { permissions } = bench('allow-reads');
    expect(permissions.take(request({ kind: 'read' }), { turn: 1, isCancelling: false }).kind).toBe('event');
    permissions.see({ toolCallId: 'c', kind: 'execute' });
    expect(permissions.take(request({ kind: 'read' }), { turn: 1, isCancelling: false }).kind).toBe('ask');
    permissions.see({ toolCallId: 'c', status: 'completed' });
    expect(permissions.take(request({ kind: 'read' }), { turn: 1, isCancelling: false }).kind).toBe('event');
    expect(bench('ask', { canAsk: false }).permissions.take(request({}), { turn: 1, isCancelling: false })).toMatchObject({
      draft: { payload: { optionId: 'no', reason: expect.stringContaining('nobody') } },
    });
  });
});

describe('what is remembered of tool calls', () => {
  it('is replaced field by field, and bounded: what is too large, and the oldest, goes', () => {
    const calls = new AnnouncedCalls();
    calls.note('a', { title: 'one', kind: 'edit' });
    calls.note('a', { title: 'two' });
    expect(calls.get('a')).toEqual({ title: 'two', kind: 'edit' });
    calls.note('b', { text: 'x'.repeat(300_000) });
    expect(calls.get('b')).toEqual({});
    for (let n = 0; n < 30; n++) calls.note(`c${n}`, { text: 'x'.repeat(200_000) });
    expect(calls.get('a')).toEqual({});
    expect(calls.get('c29')).not.toEqual({});
    calls.forget('c29');
    expect(calls.get('c29')).toEqual({});
  });
});
