import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { describeWithAgent, type FakeModel, prepareRealAgent, realAgents, startFakeModel } from '../support/real-agents.js';

/** The program inside of the adapter: what people start in their terminals. */
function claudeProgram(): string {
  const adapter = realAgents().find(({ name }) => name === 'claude-code')?.command?.[1] ?? '';
  const packages = join(adapter.slice(0, adapter.lastIndexOf('node_modules/@')), 'node_modules/@anthropic-ai');
  const found = readdirSync(packages).map((name) => join(packages, name, 'claude'));
  return found.find((path) => existsSync(path)) ?? 'claude';
}

describeWithAgent('claude-code', 'Claude Code that somebody starts himself, offline', () => {
  describe.each(DIALECTS)('on %s', (dialect) => {
    let model: FakeModel;
    let app: TestApp;

    beforeAll(async () => {
      model = await startFakeModel();
      app = await TestApp.start(dialect, {}, await createDatabase(dialect));
    }, 60_000);
    afterAll(async () => {
      await app?.close();
      await app?.database.drop();
      await model?.stop();
    });

    it('appears as a session, live, and asks people through it', async () => {
      const home = join(app.database.dataDir, 'home');
      const workspace = join(app.database.dataDir, 'work');
      mkdirSync(workspace);
      const { env } = prepareRealAgent('claude-code', { workspace, home, modelUrl: model.url });
      const forwarder = join(home, 'hook.mjs');
      writeFileSync(forwarder, (await app.call('GET', '/api/hooks/forwarder')).body);
      const settings = join(home, 'settings.json');
      const made = await app.call('GET', `/api/hooks/claude-code/settings?wait=60&forwarder=${encodeURIComponent(forwarder)}`);
      writeFileSync(settings, JSON.stringify(made.body));
      const claude = spawn(
        claudeProgram(),
        ['-p', 'run:touch allowed.txt\nrun:touch refused.txt\nsay:all is said', '--settings', settings],
        {
          cwd: workspace,
          env: { PATH: process.env.PATH, ...env, MUSTER_TOKEN: app.key },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      let output = '';
      for (const stream of [claude.stdout, claude.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const ended = new Promise<number | null>((resolve) => claude.once('close', resolve));

      const pending = () =>
        eventually<any>(async () => (await app.call('GET', '/api/approvals?status=pending')).body.items[0], Boolean, 60_000);
      const decide = (id: string, body: object) => app.call('POST', `/api/approvals/${id}/decide`, { body });
      const first = await pending();
      expect(first).toMatchObject({
        title: 'Bash touch allowed.txt',
        kind: 'execute',
        detail: { rawInput: { command: 'touch allowed.txt' } },
      });
      expect(existsSync(join(workspace, 'allowed.txt'))).toBe(false);
      await decide(first.id, { optionId: 'allow_once' });
      const second = await pending();
      expect(second.title).toBe('Bash touch refused.txt');
      await decide(second.id, { optionId: 'reject_once', text: 'not this one' });
      expect({ code: await ended, output }).toMatchObject({ code: 0 });
      expect(existsSync(join(workspace, 'allowed.txt'))).toBe(true);
      expect(existsSync(join(workspace, 'refused.txt'))).toBe(false);

      const get = async () => (await app.call('GET', `/api/sessions/${first.sessionId}`)).body;
      await eventually(async () => (await get()).status === 'suspended');
      expect(await get()).toMatchObject({
        runtime: 'external',
        agent: 'claude-code',
        projectDir: workspace,
        name: 'run:touch allowed.txt',
      });
      const events: any[] = (await app.call('GET', `/api/sessions/${first.sessionId}/events?limit=1000`)).body.items;
      const calls = events.filter(({ type }) => type === 'tool_call').map(({ payload }) => payload.toolCallId);
      expect(calls).toHaveLength(2);
      expect(first.toolCallId).toBe(calls[0]);
      expect(events.filter(({ type }) => type === 'tool_update')).toMatchObject([
        { payload: { toolCallId: calls[0], status: 'completed' } },
      ]);
      expect(events.filter(({ type }) => type === 'turn').map(({ payload }) => payload.state)).toEqual(['started', 'completed']);
      const said = events.filter(({ type, payload }) => type === 'message' && payload.role === 'assistant');
      expect(JSON.stringify(said).match(/all is said/g)).toHaveLength(1);
      expect(events.map(({ type }) => type)[1]).toBe('session_start');
    }, 120_000);
  });
});
