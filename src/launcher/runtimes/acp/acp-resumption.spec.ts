import type { SpoolPosition } from '../../host-positions.service.js';
import type { HostEvent, SpoolConsumer, SpoolRecord } from '../../host/agent-host.types.js';
import { AcpAgent } from './acp-agent.js';
import { acpState } from './acp-bookmark.js';

const update = (sessionUpdate: string, fields: object = {}): HostEvent => ({ kind: 'update', update: { sessionUpdate, ...fields } });
const say = (text: string): HostEvent => update('agent_message_chunk', { content: { type: 'text', text }, messageId: 'm' });
const think = (text: string): HostEvent => update('agent_thought_chunk', { content: { type: 'text', text } });
const cost = (amount: number, used: number) => update('usage_update', { used, size: 1_000, cost: { amount, currency: 'USD' } });
const options = [
  { optionId: 'yes', name: 'Yes', kind: 'allow_once' as const },
  { optionId: 'no', name: 'No', kind: 'reject_once' as const },
];

/** Two turns of an agent that does a little of everything, with notes of other things in the middle of its text. */
const STORY: HostEvent[] = [
  { kind: 'prompt-started', turn: 1, text: 'go on' },
  update('user_message_chunk', { content: { type: 'text', text: 'go on' } }),
  think('hm '),
  cost(0.5, 10),
  think('hm'),
  say('one '),
  cost(0.75, 20),
  say('two '),
  update('current_mode_update', { currentModeId: 'plan' }),
  cost(1, 30),
  say('three'),
  update('tool_call', { toolCallId: 't1', title: 'Look', kind: 'read' }),
  { kind: 'output', stream: 'stderr', text: 'noise' },
  { kind: 'permission', requestId: '"p1"', request: { sessionId: 's', toolCall: { toolCallId: 't1' }, options } },
  update('tool_call', { toolCallId: 't2', title: 'Write', kind: 'edit' }),
  say('before the end'),
  { kind: 'prompt-finished', turn: 1, answer: { stopReason: 'cancelled', isCancelled: true } },
  say('late'),
  { kind: 'quiet' },
  { kind: 'prompt-started', turn: 2, text: 'again' },
  update('user_message_chunk', { content: { type: 'text', text: 'again' } }),
  say('four'),
  cost(1.5, 40),
  { kind: 'prompt-finished', turn: 2, answer: { stopReason: 'end_turn' } },
];
const RECORDS: SpoolRecord[] = STORY.map((event, index) => ({ ...event, n: index + 1 }));

interface Life {
  readonly events: { id: string; text: string }[];
  readonly positions: SpoolPosition[];
  readonly texts: Map<string, string>;
  readonly decided: [string, string | null][];
  readonly agent: AcpAgent;
}

/** Takes what follows `from`, in batches of `size`; ends after so many appends, as a crash would end it. */
async function live(from: SpoolPosition | null, size: number, appends = Infinity): Promise<Life> {
  const events: Life['events'] = [];
  const positions: SpoolPosition[] = [];
  const texts = new Map<string, string>();
  const decided: Life['decided'] = [];
  const expected = new Map<string, SpoolPosition>();
  let consume: SpoolConsumer = async () => 0;
  let left = appends;
  const host = {
    id: 'h',
    lastTurn: 0,
    exited: new Promise(() => undefined),
    attach: (consumer: SpoolConsumer) => (consume = consumer),
    decide: async (requestId: string, optionId: string | null) => void decided.push([requestId, optionId]),
    prompt: async () => undefined,
  };
  const recorder = {
    record: async (_: string, items: readonly { draft: { id: string } }[]) => {
      if (left-- <= 0) throw new Error('crashed');
      // One transaction: the events, and the position that is expected with the last of them.
      for (const { draft } of items) events.push({ id: draft.id, text: JSON.stringify(draft) });
      const position = items.reduce<SpoolPosition | undefined>((last, { draft }) => expected.get(draft.id) ?? last, undefined);
      if (position) positions.push(position);
    },
    write: ({ blockId, text }: { blockId: string; text: string }) => texts.set(blockId, (texts.get(blockId) ?? '') + text),
  };
  const conversation = { capabilities: {}, options: { modes: [], currentMode: null, selects: [] } };
  const questions = { open: () => undefined, close: () => undefined };
  const agent = new AcpAgent(host as any, recorder as any, questions as any, {
    sessionId: 's',
    policy: 'allow-all',
    canAsk: true,
    actor: 'agent:s',
    expect: (eventId, position) => expected.set(eventId, position),
    settled: () => positions.at(-1)?.resumeN ?? from?.resumeN ?? 0,
    ...(from ? { known: { state: acpState.parse(JSON.parse(from.state)), conversation } } : {}),
  });
  const rest = RECORDS.filter(({ n }) => n > (from?.resumeN ?? 0));
  try {
    for (let at = 0; at < rest.length; at += size) await consume(rest.slice(at, at + size));
  } catch {
    // The crash.
  }
  return { events, positions, texts, decided, agent };
}

describe('an agent that is taken up again', () => {
  it.each([1, 2, 5, 100])('becomes the same events, wherever the server was ended (records come by %i)', async (size) => {
    const whole = await live(null, size);
    const all = new Map(whole.events.map(({ id, text }) => [id, text]));
    expect(all.size).toBe(whole.events.length);
    expect([...all.values()].join()).not.toContain('truncated');
    for (let appends = 0; appends <= whole.events.length; appends++) {
      const first = await live(null, size, appends);
      const second = await live(first.positions.at(-1) ?? null, size);
      const both = new Map(first.events.map(({ id, text }) => [id, text]));
      // The same id with other content would be refused by the log.
      for (const { id, text } of second.events) expect([id, both.get(id) ?? text]).toEqual([id, text]);
      second.events.forEach(({ id, text }) => both.set(id, text));
      expect([...both]).toEqual([...all]);
      // Text that was open is written anew from its beginning.
      for (const [blockId, text] of second.texts) expect(whole.texts.get(blockId)).toBe(text);
    }
  });

  it('knows the answer to a prompt that was stored before the end of its turn was, and its decisions', async () => {
    const { positions } = await live(null, 1);
    const afterFirst = positions.find(({ takenN }) => takenN === 17);
    const { agent } = await live(afterFirst ?? null, 100, 0);
    expect(await agent.prompt({ turn: 1, content: [], agentMode: null, onDelivered: () => undefined })).toMatchObject({
      state: 'cancelled',
    });
    const atPermission = positions.find(({ takenN }) => takenN === 14);
    const { decided } = await live(atPermission ?? null, 100, 0);
    expect(decided).toContainEqual(['"p1"', 'yes']);
  });

  it('never asks for the text before what is open again', async () => {
    const { positions } = await live(null, 1);
    const inText = positions.filter(({ takenN }) => takenN === 7 || takenN === 10);
    expect(inText.map(({ resumeN }) => resumeN)).toEqual([5, 5]);
    expect(positions.every(({ takenN, resumeN }) => resumeN <= takenN)).toBe(true);
  });
});
