import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentLocator } from '../../agents/agent-locator.service.js';
import { AgentProfiles } from '../../agents/agent-profiles.js';
import { AgentsService } from '../../agents/agents.service.js';
import { SYSTEM } from '../../auth/principal.types.js';
import { ConfigError } from '../../config/environment.js';
import { MusterConfig } from '../../config/muster-config.js';
import { Clock } from '../../core/clock.js';
import { assertResumable, failureOf, isResumable, statusAfterTurn, withPreamble } from './mode-outcome.js';
import { modeRulesOf, rulesOf } from './mode.types.js';
import { Modes, policyIn } from './modes.service.js';

describe('modes', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'muster-modes-'));
    file = join(directory, 'modes.json');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const load = (modes?: unknown) => {
    if (modes !== undefined) writeFileSync(file, JSON.stringify(modes));
    const config = new MusterConfig(modes === undefined ? {} : { MUSTER_MODES_FILE: file });
    return new Modes(config, new AgentsService(new AgentProfiles(config), new AgentLocator(config, new Clock())));
  };
  const mine = { id: 'mine', label: 'Mine', supportsResume: true, supportsHitl: true };
  const session = (id: string) => ({ mode: id, modeRules: JSON.stringify(rulesOf(load().getOrFail(id))) });
  const plain = { mode: null, modeRules: null };

  it('are replaced in their place by the file, or added behind', () => {
    const ids = load({ modes: [mine, { ...mine, id: 'ocr', label: 'Ours' }] })
      .list(SYSTEM)
      .map(({ id, label }) => `${id} ${label}`);
    expect(ids).toHaveLength(9);
    expect([ids[5], ids[8]]).toEqual(['ocr Ours', 'mine Mine']);
  });

  it.each<[string, unknown, string]>([
    ['no list', {}, 'field modes: '],
    ['an unknown field', { modes: [{ ...mine, color: 'red' }] }, 'mode "mine" (modes[0]): Unrecognized key: "color"'],
    ['a missing flag', { modes: [{ ...mine, supportsHitl: undefined }] }, 'mode "mine" (modes[0]): field supportsHitl: '],
    ['a wrong id', { modes: [{ ...mine, id: 'My Mode' }] }, 'mode "My Mode" (modes[0]): field id: must be lower-case'],
    ['an id that is there twice', { modes: [mine, mine] }, 'mode "mine" is there twice (modes[0] and modes[1])'],
    [
      'an agent that there is not',
      { modes: [{ ...mine, agent: 'nobody' }] },
      'mode "mine": field agent: there is no agent profile "nobody"',
    ],
    ['asking where nobody is', { modes: [{ ...mine, supportsHitl: false, policy: 'ask' }] }, 'field policy: "ask" needs supportsHitl'],
  ])('are refused with %s, naming file, mode and field', (_title, modes, message) => {
    expect(() => load(modes)).toThrow(ConfigError);
    expect(() => load(modes)).toThrow(`MUSTER_MODES_FILE: ${file}: `);
    expect(() => load(modes)).toThrow(message);
  });

  it('say who answers what the agent asks', () => {
    const [oneShot, copilot] = [load().getOrFail('one-shot'), load().getOrFail('copilot')];
    expect(policyIn(null, undefined, 'ask')).toBe('ask');
    expect(policyIn(copilot, undefined, 'ask')).toBe('ask');
    expect(policyIn(copilot, 'deny', 'ask')).toBe('deny');
    expect(policyIn(oneShot, undefined, 'ask')).toBe('allow-reads');
    expect(policyIn(oneShot, 'ask', 'ask')).toBe('allow-reads');
    expect(policyIn(oneShot, 'allow-all', 'ask')).toBe('allow-all');
    expect(policyIn({ ...oneShot, policy: undefined }, 'ask', 'ask')).toBe('deny');
  });

  it('say where a session stands after its turn', () => {
    expect([failureOf(plain), failureOf(session('one-shot')), failureOf(session('copilot'))]).toEqual(['failed', 'suspended', 'suspended']);
    expect(statusAfterTurn(session('one-shot'), 'completed', false)).toBe('completed');
    expect(statusAfterTurn(session('one-shot'), 'completed', true)).toBe('idle');
    expect(statusAfterTurn(session('one-shot'), 'cancelled', false)).toBe('idle');
    expect(statusAfterTurn(session('one-shot'), 'failed', false)).toBe('suspended');
    expect(statusAfterTurn(session('copilot'), 'completed', false)).toBe('idle');
    expect(statusAfterTurn(plain, 'completed', false)).toBe('idle');
    expect(statusAfterTurn(plain, 'failed', false)).toBe('failed');
  });

  it('let no session be suspended or resumed whose mode is not made for it', () => {
    for (const each of [plain, session('copilot')]) expect(() => assertResumable(each, 'resumed')).not.toThrow();
    expect([isResumable(plain), isResumable(session('ocr'))]).toEqual([true, false]);
    for (const act of ['suspended', 'resumed'] as const)
      expect(() => assertResumable(session('ocr'), act)).toThrow(
        expect.objectContaining({ code: 'mode_not_resumable', kind: 'conflict', message: `A session of the mode ocr can't be ${act}.` }),
      );
  });

  it('tell the agent of themselves before its first prompt', () => {
    const content = [{ type: 'text' as const, text: 'go' }];
    expect(withPreamble(session('ocr'), 1, content)).toEqual([
      { type: 'text', text: expect.stringContaining('Extract the text') },
      ...content,
    ]);
    expect(withPreamble(session('ocr'), 2, content)).toBe(content);
    expect(withPreamble(session('copilot'), 1, content)).toBe(content);
    expect(modeRulesOf(plain)).toBeNull();
  });
});
