import type { PermissionOption } from '@agentclientprotocol/sdk';
import { chooseMode, chooseModel, mcpServersFor, optionsOf, unsupportedContent } from './acp-options.js';
import { AgentTrouble } from './agent-trouble.js';
import { decide } from './permission-policy.js';

const CLAUDE: PermissionOption[] = [
  { optionId: 'allow-with-updates', name: 'Always', kind: 'allow_always' },
  { optionId: 'allow-once', name: 'Yes', kind: 'allow_once' },
  { optionId: 'reject', name: 'No', kind: 'reject_once' },
];

describe('the permission policy', () => {
  it.each([
    ['allow-all', ['execute'], 'allow-once'],
    ['allow-all', [], 'allow-once'],
    ['deny', ['read'], 'reject'],
    ['allow-reads', ['read'], 'allow-once'],
    ['allow-reads', ['search', 'read'], 'allow-once'],
  ] as const)('%s on %j chooses %s, whether or not there are people', (policy, kinds, optionId) => {
    for (const canAsk of [true, false])
      expect(decide(policy, kinds, CLAUDE, canAsk)).toMatchObject({
        optionId,
        isAllowed: optionId === 'allow-once',
        reason: expect.any(String),
      });
  });

  it.each([
    ['ask', ['read']],
    ['ask', []],
    ['allow-reads', ['read', 'execute']],
    ['allow-reads', ['edit']],
    ['allow-reads', ['READ']],
    ['allow-reads', []],
  ] as const)('%s on %j asks people, and denies where there are none', (policy, kinds) => {
    expect(decide(policy, kinds, CLAUDE, true)).toBeNull();
    expect(decide(policy, kinds, CLAUDE, false)).toMatchObject({
      optionId: 'reject',
      isAllowed: false,
      reason: expect.stringContaining('nobody'),
    });
  });

  it('chooses by kind, once rather than always, and cancels where there is no fitting option', () => {
    const [always] = CLAUDE;
    expect(decide('allow-all', [], always ? [always] : [], true)).toMatchObject({ optionId: 'allow-with-updates' });
    expect(decide('deny', [], always ? [always] : [], true)).toMatchObject({ optionId: null, isAllowed: false });
    expect(decide('allow-all', [], [], true)).toMatchObject({ optionId: null, isAllowed: false });
    expect(decide('ask', [], [], true)).toMatchObject({ optionId: null, isAllowed: false });
    expect(decide('deny', [], [{ optionId: 'never', name: 'Never', kind: 'reject_always' }], true)).toMatchObject({ optionId: 'never' });
  });
});

describe('what an agent lets one choose', () => {
  const modes = {
    currentModeId: 'default',
    availableModes: [
      { id: 'default', name: 'D' },
      { id: 'plan', name: 'P' },
    ],
  };
  const model = {
    type: 'select',
    id: 'llm',
    name: 'Model',
    category: 'model',
    currentValue: 'a',
    options: [
      {
        name: 'G',
        group: 'g',
        options: [
          { value: 'a', name: 'A' },
          { value: 'b', name: 'B' },
        ],
      },
    ],
  };
  const mode = {
    type: 'select',
    id: 'mode',
    name: 'Mode',
    category: 'mode',
    currentValue: 'build',
    options: [
      { value: 'build', name: 'B' },
      { value: 'plan', name: 'P' },
    ],
  };

  it('are modes and models, by either way of the protocol', () => {
    expect(chooseMode(optionsOf({ modes }), 'plan')).toEqual({ kind: 'mode', modeId: 'plan' });
    expect(chooseMode(optionsOf({ modes }), 'default')).toBeNull();
    expect(chooseMode(optionsOf({ configOptions: [mode] }), 'plan')).toEqual({ kind: 'option', configId: 'mode', value: 'plan' });
    expect(chooseModel(optionsOf({ configOptions: [model] }), 'b')).toEqual({ kind: 'option', configId: 'llm', value: 'b' });
  });

  it('says what there is where it is not there', () => {
    expect(() => chooseMode(optionsOf({ modes }), 'warp')).toThrow(
      expect.objectContaining({ code: 'not_supported', details: expect.objectContaining({ remedy: 'It has: default, plan.' }) }),
    );
    expect(() => chooseModel(optionsOf({ configOptions: [model] }), 'c')).toThrow(/no model "c"/);
    expect(() => chooseModel(optionsOf({ modes: 7, configOptions: [{ type: 'boolean' }, null] }), 'c')).toThrow(/nobody choose its model/);
  });

  it('gates MCP servers and content by capability', () => {
    const stdio = { name: 's', command: '/bin/x', args: [], env: [] };
    const http = { type: 'http', name: 'h', url: 'http://127.0.0.1', headers: [] };
    expect(mcpServersFor({}, [stdio])).toEqual([stdio]);
    expect(mcpServersFor({ mcpCapabilities: { http: true } }, [http])).toEqual([http]);
    expect(() => mcpServersFor({ mcpCapabilities: { sse: true } }, [http])).toThrow(/over http/);
    expect(() => mcpServersFor({}, [{ name: 'x' }])).toThrow(/must have a name/);
    const image = { type: 'image', data: '', mimeType: 'image/png' } as const;
    expect(unsupportedContent({}, [{ type: 'text', text: '' }, image])).toBe('image');
    expect(unsupportedContent({ promptCapabilities: { image: true } }, [image])).toBeNull();
  });

  it('knows the trouble that codex hides behind a success', () => {
    const trouble = new AgentTrouble();
    const status = (type: string) => ({ sessionUpdate: 'session_info_update', _meta: { codex: { threadStatus: { type } } } });
    trouble.see(status('active'));
    expect(trouble.reason).toBeNull();
    trouble.see({
      sessionUpdate: 'session_info_update',
      _meta: { codex: { error: { message: 'Reconnecting', additionalDetails: 'high demand' } } },
    });
    trouble.see(status('systemError'));
    expect(trouble.reason).toBe('Reconnecting: high demand');
    trouble.see(status('idle'));
    expect(trouble.reason).toBeNull();
    trouble.see('junk');
  });
});
