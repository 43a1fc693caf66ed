import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError } from '../config/environment.js';
import { MusterConfig } from '../config/muster-config.js';
import { capabilitiesOf } from './agent-profile.types.js';
import { AgentProfiles } from './agent-profiles.js';

describe('agent profiles', () => {
  let directory: string;
  let file: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'muster-agents-'));
    file = join(directory, 'agents.json');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const load = () => new AgentProfiles(new MusterConfig({ MUSTER_AGENTS_FILE: file }));
  const write = (content: unknown) => writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  const mine = { name: 'mine', runtime: 'acp', command: ['my-agent', '--acp'] };
  /** The message of the refusal, which always names variable and file. */
  const refusal = (): string => {
    try {
      load();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      const message = error instanceof Error ? error.message : '';
      expect(message).toMatch(/^MUSTER_AGENTS_FILE: /);
      expect(message).toContain(file);
      return message.replace(`MUSTER_AGENTS_FILE: ${file}: `, '');
    }
    throw new Error('it was accepted');
  };

  it('has the built-in ones, each valid and with a hint how to get it', () => {
    const profiles = new AgentProfiles(new MusterConfig({})).all();
    expect(profiles.map(({ name }) => name)).toEqual(['demo', 'claude-code', 'codex', 'opencode', 'gemini', 'qwen', 'copilot']);
    for (const each of profiles)
      expect(each).toMatchObject({ runtime: 'acp', title: expect.any(String), installHint: expect.any(String), env: {} });
  });

  it('starts the demo agent with this Node, from its absolute path', () => {
    const [node, program = ''] = new AgentProfiles(new MusterConfig({})).find('demo')?.command ?? [];
    expect(node).toBe(process.execPath);
    expect(isAbsolute(program)).toBe(true);
    expect(program).toMatch(/dist\/src\/agents\/demo\/demo-agent\.main\.js$/);
  });

  it('adds those of the file and replaces a built-in one by its name, in its place', () => {
    write({
      agents: [
        mine,
        { ...mine, name: 'codex', env: { TOKEN: 'x' } },
        { ...mine, name: 'lines', runtime: 'process', output: 'codex-json', versionCommand: null },
      ],
    });
    const profiles = load();
    expect(profiles.all().map(({ name }) => name)).toEqual([
      'demo',
      'claude-code',
      'codex',
      'opencode',
      'gemini',
      'qwen',
      'copilot',
      'mine',
      'lines',
    ]);
    expect(profiles.find('codex')).toEqual({ ...mine, name: 'codex', env: { TOKEN: 'x' }, output: 'text' });
    expect(profiles.find('none')).toBeUndefined();
    expect(profiles.find('__proto__')).toBeUndefined();
  });

  it('reads a file that begins with a byte order mark, and one without agents', () => {
    write(`\uFEFF${JSON.stringify({ agents: [] })}`);
    expect(load().all()).toHaveLength(7);
  });

  it('knows what can be expected of an agent', () => {
    write({ agents: [mine, { ...mine, name: 'plain', runtime: 'process' }, { ...mine, name: 'odd', capabilities: { interrupt: false } }] });
    const expected = (name: string) => {
      const profile = load().find(name);
      return profile && capabilitiesOf(profile);
    };
    expect(expected('mine')).toEqual({ interrupt: true, resume: true, approvals: true });
    expect(expected('plain')).toEqual({ interrupt: true, resume: false, approvals: false });
    expect(expected('odd')).toEqual({ interrupt: false, resume: true, approvals: true });
    expect(expected('gemini')).toEqual({ interrupt: true, resume: false, approvals: true });
  });

  describe('are refused, naming profile and field,', () => {
    it.each<[string, object, string]>([
      ['a missing command', { name: 'mine', runtime: 'acp' }, 'profile "mine" (agents[1]): field command: '],
      ['an empty command', { ...mine, command: [] }, 'profile "mine" (agents[1]): field command: needs a program'],
      ['an empty program', { ...mine, command: [''] }, 'profile "mine" (agents[1]): field command[0]: '],
      [
        'a relative program',
        { ...mine, command: ['./run.sh'] },
        'profile "mine" (agents[1]): field command[0]: the program must be a name without "/"',
      ],
      ['a NUL in an argument', { ...mine, command: ['a', 'b\u0000'] }, 'profile "mine" (agents[1]): field command[1]: must hold no NUL'],
      ['a command that is a string', { ...mine, command: 'my-agent --acp' }, 'profile "mine" (agents[1]): field command: '],
      ['an unknown runtime', { ...mine, runtime: 'magic' }, 'profile "mine" (agents[1]): field runtime: '],
      ['an unknown field', { ...mine, cmd: [] }, 'profile "mine" (agents[1]): Unrecognized key: "cmd"'],
      ['a wrong name', { ...mine, name: 'Mine!' }, 'profile "Mine!" (agents[1]): field name: must be lower-case letters'],
      ['no name', { runtime: 'acp', command: ['x'] }, 'agents[1]: field name: '],
      ['a number as a variable', { ...mine, env: { PORT: 1 } }, 'profile "mine" (agents[1]): field env.PORT: '],
      ['a wrong name of a variable', { ...mine, env: { 'A-B': '1' } }, 'profile "mine" (agents[1]): field env.A-B: '],
      ['a relative version command', { ...mine, versionCommand: ['bin/v'] }, 'profile "mine" (agents[1]): field versionCommand[0]: '],
      ['an unknown capability', { ...mine, capabilities: { fly: true } }, 'profile "mine" (agents[1]): field capabilities: '],
    ])('for %s', (_title, profile, message) => {
      write({ agents: [{ ...mine, name: 'other' }, profile] });
      expect(refusal()).toContain(message);
    });

    it('for a name that is there twice', () => {
      write({ agents: [mine, { ...mine, name: 'b' }, mine] });
      expect(refusal()).toContain('profile "mine" is there twice (agents[0] and agents[2]). Remove or rename one of them.');
    });
  });

  it('are refused where one is no object', () => {
    write({ agents: ['demo'] });
    expect(refusal()).toContain('agents[0]: ');
  });

  it.each([
    ['[]', 'expected object'],
    ['{}', 'field agents: '],
    ['{"agents": {}}', 'field agents: '],
    ['{"agents": [], "version": 1}', 'Unrecognized key: "version"'],
    ['null', 'expected object'],
    ['', 'is not JSON (Unexpected end of JSON input)'],
    ['{"agents": [}', "is not JSON (Unexpected token '}')"],
  ])('a file with %p is refused', (content, message) => {
    write(content);
    expect(refusal()).toContain(message);
  });

  it('a file that is not there, or not a file, is named', () => {
    expect(refusal()).toContain('cannot be read (ENOENT');
    file = directory;
    expect(refusal()).toContain('cannot be read (EISDIR');
  });

  it('no message repeats a value: it may be a secret', () => {
    for (const content of [
      { agents: [{ ...mine, env: { KEY: ['sk-secret'] } }] },
      { agents: [{ ...mine, env: { KEY: 'sk-secret\u0000' } }] },
      '{"agents": [{"name": "a", "env": {"KEY": "sk-secret}}]}',
      '{"agents": [{"name": "a", "env": {"KEY": sk-secret}}]}',
    ]) {
      write(content);
      expect(refusal()).not.toContain('sk-');
    }
  });
});
