import type { HostEvent } from '../../host/agent-host.types.js';
import { PAYLOADS, isKnownType } from '../../../events/event-payloads.types.js';
import { AcpTranslator, type Translated } from './acp-translator.js';

const text = (value: string, messageId?: string, sessionUpdate = 'agent_message_chunk'): HostEvent => ({
  kind: 'update',
  update: { sessionUpdate, content: { type: 'text', text: value }, messageId },
});
const update = (value: unknown): HostEvent => ({ kind: 'update', update: value });
const begin: HostEvent = { kind: 'prompt-started', turn: 1, text: 'do it' };
const finish = (answer: any = { stopReason: 'end_turn' }): HostEvent => ({ kind: 'prompt-finished', turn: 1, answer });
const exit: HostEvent = { kind: 'exit', code: 1, signal: null, stderr: '', survivors: [] };

function run(events: readonly HostEvent[], options = {}): Translated[] {
  const translator = new AcpTranslator({ hostId: 'h', actor: 'agent:s', ...options });
  const out = events.flatMap((event, index) => translator.translate({ ...event, n: index + 1 }));
  for (const each of out)
    if (each.kind === 'event' && isKnownType(each.draft.type)) PAYLOADS[each.draft.type].safeParse(each.draft.payload);
  return out;
}
const drafts = (out: Translated[]) => out.flatMap((each) => (each.kind === 'event' ? [each.draft] : []));
const brief = (out: Translated[]) => drafts(out).map(({ type, payload }) => [type, payload]);
const deltas = (out: Translated[]) => out.flatMap((each) => (each.kind === 'delta' ? [each.delta] : []));

describe('the ACP translator', () => {
  it('makes one message of the chunks of one message, with deltas on the way', () => {
    const out = run([begin, text('hello ', 'm'), update({ sessionUpdate: 'usage_update', used: 1, size: 9 }), text('you', 'm'), finish()]);
    expect(deltas(out)).toEqual([
      { blockId: 'h:b2', turn: 1, kind: 'message', text: 'hello ' },
      { blockId: 'h:b2', turn: 1, kind: 'message', text: 'you' },
    ]);
    expect(drafts(out)).toEqual([
      { id: 'h:3', type: 'usage', turn: 1, source: 'acp', actor: 'agent:s', payload: { context: { used: 1, size: 9 } } },
      {
        id: 'h:b2',
        type: 'message',
        turn: 1,
        source: 'acp',
        actor: 'agent:s',
        payload: { role: 'assistant', content: [{ type: 'text', text: 'hello you' }], blockId: 'h:b2' },
      },
    ]);
  });

  it('stores a message that has grown very long, and goes on with another', () => {
    const long = 'x'.repeat(400 * 1024);
    const out = run([begin, ...[1, 2, 3, 4].map((n) => text(`${n}${long}`, 'm')), finish()]);
    expect(brief(out).map(([type, payload]: any) => [type, payload.blockId, payload.content[0].text.length])).toEqual([
      ['message', 'h:b2', 3 * (long.length + 1)],
      ['message', 'h:b5', long.length + 1],
    ]);
    expect(deltas(out).map(({ blockId }) => blockId)).toEqual(['h:b2', 'h:b2', 'h:b2', 'h:b5']);
    const image = { sessionUpdate: 'agent_message_chunk', messageId: 'm', content: { type: 'image', mimeType: 'image/png', data: long } };
    const images = brief(run([begin, ...[1, 2, 3, 4].map(() => update(image)), finish()]));
    expect(images.map(([, payload]: any) => payload.content.length)).toEqual([3, 1]);
  });

  it('begins a new block with another author, another message id, a tool, a permission or silence', () => {
    const permission: HostEvent = {
      kind: 'permission',
      requestId: '1',
      request: { sessionId: 's', toolCall: { toolCallId: 't' }, options: [] },
    };
    const out = run([
      begin,
      text('a', '1'),
      text('b', '2'),
      text('t', '2', 'agent_thought_chunk'),
      text('c', '3'),
      update({ sessionUpdate: 'plan', entries: [] }),
      text('d', '3'),
      permission,
      text('e', '3'),
      { kind: 'quiet' },
      text('f', '3'),
      finish(),
    ]);
    expect(brief(out).map(([type, payload]: any) => [type, payload.content?.[0].text])).toEqual([
      ['message', 'a'],
      ['message', 'b'],
      ['thought', 't'],
      ['message', 'c'],
      ['plan', undefined],
      ['message', 'd'],
      ['message', 'e'],
      ['message', 'f'],
    ]);
  });

  it('keeps content that is not text in its place, and what is no content as it came', () => {
    const image = { type: 'image', data: 'AA==', mimeType: 'image/png' };
    const broken = { sessionUpdate: 'agent_message_chunk', content: { type: 'hologram' } };
    const out = run([
      begin,
      text('see'),
      update({ sessionUpdate: 'agent_message_chunk', content: image }),
      update(broken),
      text('there'),
      finish(),
    ]);
    expect(brief(out)).toEqual([
      ['acp_update', { update: broken }],
      ['message', { role: 'assistant', blockId: 'h:b2', content: [{ type: 'text', text: 'see' }, image, { type: 'text', text: 'there' }] }],
    ]);
  });

  it('marks text as truncated that the agent died over, and ends its tools', () => {
    const out = run([begin, update({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'Run' }), text('half a sen'), exit]);
    expect(brief(out).slice(1)).toEqual([
      ['message', { role: 'assistant', blockId: 'h:b3', content: [{ type: 'text', text: 'half a sen' }], truncated: true }],
      ['tool_update', { toolCallId: 't', status: 'failed' }],
    ]);
  });

  it('fills what a tool call left out, and changes only what an update names', () => {
    const out = run([
      begin,
      update({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'Terminal', name: 'Bash', rawInput: {}, content: [], _meta: { x: 1 } }),
      update({
        sessionUpdate: 'tool_call_update',
        toolCallId: 't',
        title: 'echo hi',
        kind: null,
        content: [{ type: 'terminal', terminalId: '1' }],
      }),
      update({ sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed', rawOutput: 'hi' }),
      update({ sessionUpdate: 'tool_call', title: 'no id' }),
      finish({ stopReason: 'cancelled' }),
    ]);
    expect(brief(out)).toEqual([
      [
        'tool_call',
        {
          toolCallId: 't',
          title: 'Terminal',
          name: 'Bash',
          kind: 'other',
          status: 'pending',
          rawInput: {},
          content: [],
          locations: [],
          _meta: { x: 1 },
        },
      ],
      ['tool_update', { toolCallId: 't', title: 'echo hi', content: [{ type: 'terminal', terminalId: '1' }] }],
      ['tool_update', { toolCallId: 't', status: 'completed', rawOutput: 'hi' }],
      ['acp_update', { update: { sessionUpdate: 'tool_call', title: 'no id' } }],
    ]);
  });

  it('ends the tools of a turn that is cut off', () => {
    const call = update({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'Run' });
    expect(drafts(run([begin, call, finish({ stopReason: 'cancelled' })])).at(-1)).toMatchObject({
      id: 'h:3.0',
      type: 'tool_update',
      payload: { toolCallId: 't', status: 'failed' },
    });
    expect(brief(run([begin, call, finish()]))).toHaveLength(1);
  });

  it('gives usage as increments', () => {
    const usage = (amount: number, currency = 'USD') =>
      update({ sessionUpdate: 'usage_update', used: 10, size: 100, cost: { amount, currency } });
    const answer = finish({
      stopReason: 'end_turn',
      usage: { totalTokens: 240, inputTokens: 200, outputTokens: 40, cachedReadTokens: 50, cachedWriteTokens: 0 },
    });
    expect(
      brief(run([begin, usage(0.25), usage(0.25), usage(1), usage(0.5), usage(7, 'EUR'), answer])).map(([, payload]) => payload),
    ).toEqual([
      { costUsd: 0.25, context: { used: 10, size: 100 } },
      { costUsd: 0.75, context: { used: 10, size: 100 } },
      { costUsd: 0.5, context: { used: 10, size: 100 } },
      { input: 150, output: 40, cacheRead: 50 },
    ]);
    expect(brief(run([usage(5), usage(6)], { isResumed: true })).map(([, payload]: any) => payload.costUsd)).toEqual([undefined, 1]);
    expect(brief(run([update({ sessionUpdate: 'usage_update', used: 'much' })]))).toEqual([
      ['acp_update', { update: { sessionUpdate: 'usage_update', used: 'much' } }],
    ]);
  });

  it('keeps the names of updates it does not know, but for those of our own events', () => {
    const mode = { sessionUpdate: 'current_mode_update', currentModeId: 'plan' };
    const out = run([
      update(mode),
      update({ sessionUpdate: 'status', to: 'completed' }),
      update({ sessionUpdate: 'approval' }),
      update('what'),
      update(null),
      update({ sessionUpdate: 'a b' }),
      update([1]),
    ]);
    expect(brief(out).map(([type]) => type)).toEqual([
      'current_mode_update',
      'acp_update',
      'acp_update',
      'acp_update',
      'acp_update',
      'acp_update',
      'acp_update',
    ]);
    expect(brief(out)[0]).toEqual(['current_mode_update', { currentModeId: 'plan' }]);
  });

  it('drops a repetition of the prompt, and keeps other words of a user', () => {
    const out = run([
      begin,
      text('do ', 'u', 'user_message_chunk'),
      text('it', 'u', 'user_message_chunk'),
      text('and this', 'v', 'user_message_chunk'),
      finish(),
    ]);
    expect(brief(out)).toEqual([['message', { role: 'user', content: [{ type: 'text', text: 'and this' }], blockId: 'h:b4' }]]);
    expect(deltas(out)).toEqual([]);
  });

  it('translates output for those who look for a fault, and what comes between turns without a turn', () => {
    const out = run([{ kind: 'output', stream: 'stderr', text: 'warming up' }, text('late'), { kind: 'quiet' }]);
    expect(drafts(out).map(({ type, turn }) => [type, turn])).toEqual([
      ['log', null],
      ['message', null],
    ]);
    expect(drafts(out)[0]?.payload).toEqual({ level: 'debug', text: 'warming up', stream: 'stderr' });
  });

  it('gives the same drafts for the same records', () => {
    const events = [
      begin,
      text('a', '1'),
      update({ sessionUpdate: 'tool_call', toolCallId: 't' }),
      text('b', '1'),
      finish({ error: { code: 1, message: 'x' } }),
    ];
    expect(run(events)).toEqual(run(events));
    const ids = drafts(run(events)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
