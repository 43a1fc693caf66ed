import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';

describe('the agents of this host', () => {
  let base: string;
  let app: TestApp;

  beforeAll(async () => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'muster-agents-')));
    mkdirSync(join(base, 'bin'));
    for (const [name, script] of Object.entries({
      'codex-acp': 'echo codex-acp 2.6.0',
      hangs: 'sleep 600 & sleep 600',
      fails: 'echo 1.0; exit 1',
    }))
      writeFileSync(join(base, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const agents = [
      { name: 'slow', runtime: 'acp', command: ['hangs'] },
      { name: 'failing', runtime: 'process', command: ['fails', '--api-key', 'sk-secret'], env: { API_KEY: 'sk-secret' } },
      { name: 'gemini', title: 'Our own Gemini', runtime: 'acp', command: ['missing'] },
    ];
    writeFileSync(join(base, 'agents.json'), JSON.stringify({ agents }));
    app = await TestApp.start('sqlite', { PATH: `${join(base, 'bin')}:/usr/bin:/bin`, MUSTER_AGENTS_FILE: join(base, 'agents.json') });
  });
  afterAll(async () => {
    await app?.close();
    rmSync(base, { recursive: true, force: true });
  });

  it('are told with place, version and what to do about missing ones, and no secret', async () => {
    const { status, body } = await app.call('GET', '/api/agents');
    expect(status).toBe(200);
    const byName = Object.fromEntries(body.items.map((each: { name: string }) => [each.name, each]));
    expect(Object.keys(byName)).toEqual(['demo', 'claude-code', 'codex', 'opencode', 'gemini', 'qwen', 'copilot', 'slow', 'failing']);
    expect(byName.demo).toMatchObject({ title: 'Demo agent', isFound: true, version: null, path: process.execPath });
    expect(byName.codex).toEqual({
      name: 'codex',
      title: 'Codex',
      runtime: 'acp',
      isFound: true,
      version: '2.6.0',
      path: join(base, 'bin', 'codex-acp'),
      capabilities: { interrupt: true, resume: true, approvals: true },
      installHint: 'npm install --global @agentclientprotocol/codex-acp',
    });
    expect(byName['claude-code']).toMatchObject({ isFound: false, version: null, installHint: expect.stringContaining('npm install') });
    expect(byName.gemini).toEqual({
      name: 'gemini',
      title: 'Our own Gemini',
      runtime: 'acp',
      isFound: false,
      version: null,
      capabilities: { interrupt: true, resume: true, approvals: true },
    });
    expect(byName.slow).toMatchObject({ isFound: true, version: null });
    expect(byName.failing).toMatchObject({ isFound: true, version: null, runtime: 'process' });
    expect(JSON.stringify(body)).not.toContain('sk-secret');
  });

  it('are asked once a minute: a second look is answered at once', async () => {
    const start = performance.now();
    expect((await app.call('GET', '/api/agents')).status).toBe(200);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('are for those with a key', async () => {
    expect((await app.call('GET', '/api/agents', { key: null })).status).toBe(401);
  });

  it('name the known ones where a session wants another', async () => {
    const answer = await app.call('POST', '/api/sessions', { body: { agent: 'claude', projectDir: base, prompt: 'hi' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'unknown_agent', remedy: expect.stringContaining('claude-code') } });
  });
});
