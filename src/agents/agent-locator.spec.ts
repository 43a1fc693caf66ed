import { Logger } from '@nestjs/common';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { AgentLocator } from './agent-locator.service.js';
import { type AgentProfile, agentProfileSchema } from './agent-profile.types.js';
import { AgentProfiles } from './agent-profiles.js';
import { AgentsService } from './agents.service.js';
import { AgentResponse } from './dto/agent.response.js';

class HandClock extends Clock {
  ms = 1_000_000;
  override nowMs(): number {
    return this.ms;
  }
}

describe('finding agents on this host', () => {
  let base: string;
  let bin: string;
  let clock: HandClock;
  let locator: AgentLocator;

  beforeAll(() => Logger.overrideLogger(false));
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'muster-locate-'));
    bin = join(base, 'bin');
    mkdirSync(bin);
    clock = new HandClock();
    locator = locatorWith(`${join(base, 'missing')}:${bin}:/usr/bin:/bin`);
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  const locatorWith = (path: string | undefined, more: Record<string, string> = {}) =>
    new AgentLocator(new MusterConfig({ ...(path === undefined ? {} : { PATH: path }), ...more }), clock);

  /** A fake agent; it counts its calls in `<name>.calls`. */
  const program = (name: string, script: string, directory = bin): string => {
    mkdirSync(directory, { recursive: true });
    const file = join(directory, name);
    writeFileSync(file, `#!/bin/sh\nprintf x >> '${file}.calls'\n${script}\n`, { mode: 0o755 });
    return file;
  };
  const calls = (file: string): number => (existsSync(`${file}.calls`) ? readFileSync(`${file}.calls`).length : 0);
  const profile = (fields: Partial<AgentProfile> & { command: string[] }): AgentProfile =>
    agentProfileSchema.parse({ name: 'fake', runtime: 'acp', ...fields });

  it('looks on the PATH in its order, and asks for the version', async () => {
    const file = program('agent', 'echo "agent-cli 1.2.3"');
    program('agent', 'echo "9.9.9"', join(base, 'later'));
    locator = locatorWith(`${bin}:${join(base, 'later')}:/bin`);
    const mine = profile({ command: ['agent', '--acp'] });
    await expect(locator.locate(mine)).resolves.toEqual({ profile: mine, isFound: true, path: file, version: '1.2.3' });
  });

  it('does not find what is missing, is a directory, or is no executable', async () => {
    mkdirSync(join(bin, 'directory'));
    writeFileSync(join(bin, 'plain'), '#!/bin/sh\n', { mode: 0o644 });
    symlinkSync(join(bin, 'nowhere'), join(bin, 'dangling'));
    for (const name of ['missing', 'directory', 'plain', 'dangling', join(bin, 'plain'), join(bin, 'nothing'), bin])
      await expect(locator.locate(profile({ command: [name] }))).resolves.toMatchObject({ isFound: false, path: null, version: null });
  });

  it('takes an absolute path as it is', async () => {
    const file = program('elsewhere', 'echo 4.5', join(base, 'opt'));
    await expect(locator.locate(profile({ command: [file] }))).resolves.toMatchObject({ isFound: true, path: file, version: '4.5' });
  });

  it('uses the PATH and the variables that the agent would get, and no others', async () => {
    const file = program('agent', 'echo "1.0 ${GIVEN} ${LISTED} ${SECRET-absent}" > "$0.env"; echo "1.0"', join(base, 'own'));
    locator = locatorWith('/usr/bin:/bin', { MUSTER_AGENT_ENV_ALLOW: 'LISTED', LISTED: 'listed', SECRET: 'secret' });
    const env = { PATH: `${join(base, 'own')}:/bin`, GIVEN: 'given' };
    await expect(locator.locate(profile({ command: ['agent'] }))).resolves.toMatchObject({ isFound: false });
    await expect(locator.locate(profile({ command: ['agent'], env }))).resolves.toMatchObject({ path: file, version: '1.0' });
    expect(readFileSync(`${file}.env`, 'utf8').trim()).toBe('1.0 given listed absent');
  });

  it('searches what execvp does where there is no PATH at all', async () => {
    await expect(locatorWith(undefined).locate(profile({ command: ['sh'], versionCommand: null }))).resolves.toMatchObject({
      isFound: true,
    });
  });

  it.each([
    ['echo "2.1.329 (Claude Code)"', '2.1.329'],
    ['echo "codex-cli 0.169.0"', '0.169.0'],
    ['echo v20.20.2', '20.20.2'],
    ['echo "GitHub Copilot CLI 1.0.102."', '1.0.102'],
    ['echo "agent 2.0.0-rc.1+build.5, protocol 1.9"', '2.0.0-rc.1+build.5'],
    ['echo 3.3 >&2', '3.3'],
    ['echo "no number here"', null],
    ['echo 5', null],
    ['echo 1.2.3; exit 3', null],
    ['kill -9 $$', null],
    ['true', null],
    ['head -c 300000 /dev/zero; echo 1.2.3', null],
  ])('reads the version out of %p', async (script, version) => {
    program('agent', script);
    await expect(locator.locate(profile({ command: ['agent'] }))).resolves.toMatchObject({ isFound: true, version });
  });

  it('asks with the version command, and not at all where that is null', async () => {
    const file = program('agent', '[ "$1 $2" = "version --short" ] && echo 7.7 || echo 1.1');
    await expect(locator.locate(profile({ command: ['agent'], versionCommand: ['agent', 'version', '--short'] }))).resolves.toMatchObject({
      version: '7.7',
    });
    await expect(locator.locate(profile({ command: ['agent'], versionCommand: ['missing'] }))).resolves.toMatchObject({
      isFound: true,
      version: null,
    });
    expect(calls(file)).toBe(1);
    await expect(locator.locate(profile({ command: ['agent'], versionCommand: null }))).resolves.toMatchObject({
      isFound: true,
      version: null,
    });
    expect(calls(file)).toBe(1);
  });

  it('gives a program no input to wait for, and survives one that the system cannot run', async () => {
    program('waits', 'cat; echo 1.5');
    await expect(locator.locate(profile({ command: ['waits'] }))).resolves.toMatchObject({ version: '1.5' });
    writeFileSync(join(bin, 'broken'), '#!/nowhere/interpreter\n', { mode: 0o755 });
    chmodSync(join(bin, 'broken'), 0o755);
    await expect(locator.locate(profile({ command: ['broken'] }))).resolves.toMatchObject({ isFound: true, version: null });
  });

  it('ends what hangs after 5 s, with its children, while others are answered; and does so for all at once', async () => {
    program('hangs', `sh -c 'echo $$ > ${base}/child; trap "" TERM; sleep 600' & wait`);
    program('chatty', 'while :; do echo 1.2.3; sleep 0.05; done');
    program('quick', 'echo 3.0.0');
    const started = performance.now();
    const names = ['hangs', 'chatty', 'quick', 'hangs', 'hangs'];
    const found = await Promise.all(names.map((name, index) => locator.locate(profile({ name: `${name}-${index}`, command: [name] }))));
    expect(found.map(({ isFound, version }) => [isFound, version])).toEqual([
      [true, null],
      [true, null],
      [true, '3.0.0'],
      [true, null],
      [true, null],
    ]);
    expect(performance.now() - started).toBeLessThan(12_000);
    const child = Number(readFileSync(join(base, 'child'), 'utf8'));
    expect(stateOf(child)).toMatch(/gone|Z/);
  });

  it('keeps a version for a minute and asks once where many want it at once', async () => {
    const file = program('agent', 'echo 1.0');
    const ask = () => locator.locate(profile({ command: ['agent'] }));
    await Promise.all([ask(), ask(), ask()]);
    clock.ms += 59_000;
    await ask();
    expect(calls(file)).toBe(1);
    clock.ms += 2_000;
    program('agent', 'echo 2.0');
    await expect(ask()).resolves.toMatchObject({ version: '2.0' });
    rmSync(file);
    await expect(ask()).resolves.toMatchObject({ isFound: false, version: null });
  });

  describe('as a list', () => {
    const service = () => {
      const file = join(base, 'agents.json');
      const agents = [{ name: 'mine', runtime: 'process', command: ['agent', '--token=sk-secret'], env: { KEY: 'sk-secret', PATH: bin } }];
      writeFileSync(file, JSON.stringify({ agents }));
      const config = new MusterConfig({ PATH: bin, MUSTER_AGENTS_FILE: file });
      return new AgentsService(new AgentProfiles(config), new AgentLocator(config, clock));
    };
    const admin = { id: 'admin', kind: 'admin', name: 'Administrator' } as const;

    it('names all, found or not, and never shows what a profile holds in secret', async () => {
      const file = program('agent', 'echo 1.0');
      const items = (await service().list(admin)).map((each) => AgentResponse.of(each));
      expect(items.map(({ name, isFound }) => [name, isFound])).toEqual([
        ['demo', true],
        ['claude-code', false],
        ['codex', false],
        ['opencode', false],
        ['gemini', false],
        ['qwen', false],
        ['copilot', false],
        ['mine', true],
      ]);
      expect(items.at(-1)).toEqual({
        name: 'mine',
        title: 'mine',
        runtime: 'process',
        isFound: true,
        path: file,
        version: '1.0',
        capabilities: { interrupt: true, resume: false, approvals: false },
      });
      expect(items[1]).not.toHaveProperty('path');
      expect(JSON.stringify(items)).not.toContain('sk-secret');
    });

    it('names the known ones where one is unknown', () => {
      expect(service().getOrFail('mine').name).toBe('mine');
      expect(() => service().getOrFail('claude')).toThrow(
        expect.objectContaining({
          code: 'unknown_agent',
          kind: 'invalid_input',
          message: 'There is no agent profile "claude".',
          details: expect.objectContaining({
            remedy: expect.stringContaining('demo, claude-code, codex, opencode, gemini, qwen, copilot, mine'),
          }),
        }),
      );
      expect(() => service().getOrFail('')).toThrow(expect.objectContaining({ code: 'unknown_agent' }));
    });
  });
});

function stateOf(pid: number): string {
  if (!existsSync(`/proc/${pid}/stat`)) return 'gone';
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .charAt(0);
}
