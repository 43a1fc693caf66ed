import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { describeWithAgent, type FakeModel, prepareRealAgent, type RealAgentName, startFakeModel } from '../support/real-agents.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

/** Processes that were started with this in their environment: an agent's own and everything it brought forth. */
function processesWith(variable: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable);
    } catch {
      return false; // gone in the meantime, or not ours to read
    }
  });
}

const AGENTS: RealAgentName[] = ['claude-code', 'codex', 'opencode'];

for (const name of AGENTS)
  describeWithAgent(name, `real ${name}, offline`, () => {
    describe.each(DIALECTS)('on %s', (dialect) => {
      let model: FakeModel;
      let database: TestDatabase;
      let app: TestApp;
      let workspace: { id: string; path: string };
      let client: WsClient;
      let session: any;

      beforeAll(async () => {
        model = await startFakeModel();
        database = await createDatabase(dialect);
        const path = join(database.dataDir, 'projects', 'real');
        mkdirSync(path, { recursive: true });
        const profile = prepareRealAgent(name, { workspace: path, home: join(database.dataDir, 'home'), modelUrl: model.url });
        const agentsFile = join(database.dataDir, 'agents.json');
        writeFileSync(agentsFile, JSON.stringify({ agents: [profile] }));
        app = await TestApp.start(dialect, { MUSTER_AGENTS_FILE: agentsFile }, database);
        workspace = await makeWorkspace((to, body) => app.call('POST', to, { body }), database.dataDir, 'real');
        client = await WsClient.connect(app.url, { key: app.key });
      }, 60_000);
      afterAll(async () => {
        await client?.close();
        await app?.close();
        await database?.drop();
        await model?.stop();
      });

      const get = () => app.call('GET', `/api/sessions/${session.id}`);
      const events = () => client.events(session.id);
      const texts = () =>
        events()
          .filter(({ type }) => type === 'message')
          .map(({ payload }: any) => payload.content.map(({ text }: any) => text).join(''));
      const prompt = (content: string) => app.call('POST', `/api/sessions/${session.id}/input`, { body: { content } });

      it('is found, with its version', async () => {
        const { items } = (await app.call('GET', '/api/agents')).body;
        expect(items.find((each: any) => each.name === name)).toMatchObject({ isFound: true });
      });

      it('streams its text and waits for the next prompt', async () => {
        const created = await app.call('POST', '/api/sessions', {
          body: { workspaceId: workspace.id, agent: name, policy: 'allow-all', launch: false },
        });
        session = created.body;
        await client.request({ type: 'subscribe', sessionId: session.id });
        await prompt('slow:2\nsay:one two three four five six');
        await client.until(() => texts().some((text: string) => text.includes('one two three four five six')), 'the answer', 60_000);
        const idle = await untilStatus(get, 'idle');
        expect(idle.agentSessionId).toEqual(expect.any(String));
        const message: any = events().find(
          ({ type, payload }: any) =>
            type === 'message' && payload.role === 'assistant' && JSON.stringify(payload).includes('one two three'),
        );
        const deltas: any[] = client.frames.filter(({ type, blockId }) => type === 'delta' && blockId === message.payload.blockId);
        expect(deltas.length).toBeGreaterThan(1);
        expect(deltas.map(({ text }) => text).join('')).toBe(message.payload.content[0].text);
      }, 90_000);

      it('writes a file by a tool call and answers', async () => {
        const before = texts().length;
        await prompt('write:hello.txt written by the agent');
        const file = join(workspace.path, 'hello.txt');
        await client.until(() => texts().length > before && existsSync(file), 'the file and an answer', 60_000);
        expect(readFileSync(file, 'utf8').trim()).toBe('written by the agent');
        await untilStatus(get, 'idle');
        const calls = events().filter(({ type }) => type === 'tool_call');
        expect(calls.length).toBeGreaterThan(0);
        const ended = events().filter(({ type, payload }: any) => /^tool_/.test(String(type)) && payload.status === 'completed');
        expect(ended.length).toBeGreaterThan(0);
      }, 90_000);

      it('is asked by its permission request and answered by the policy', async () => {
        await prompt('ask:touch asked.txt');
        await eventually(() => existsSync(join(workspace.path, 'asked.txt')), Boolean, 60_000);
        await untilStatus(get, 'idle');
        const approvals = events().filter(({ type }) => type === 'approval');
        expect(approvals.at(-1)).toMatchObject({
          payload: { state: 'decided', by: 'policy:allow-all', optionId: expect.stringMatching(/^(allow|once)/) },
        });
      }, 90_000);

      it('asks people where the policy is to ask, with what it wants to do, and does it once', async () => {
        const body = { workspaceId: workspace.id, agent: name, prompt: 'ask:echo ran >> people.txt' };
        const { id } = (await app.call('POST', '/api/sessions', { body })).body;
        const asked = async (): Promise<any> => (await app.call('GET', `/api/sessions/${id}/approvals?status=pending`)).body.items[0];
        const first = await eventually<any>(asked, Boolean, 60_000);
        expect((await app.call('GET', `/api/sessions/${id}`)).body.status).toBe('awaiting_approval');
        expect(JSON.stringify(first.detail)).toContain('echo ran >> people.txt');
        expect(existsSync(join(workspace.path, 'people.txt'))).toBe(false);
        const optionId = first.options.find(({ kind }: any) => kind === 'allow_once').optionId;
        expect((await app.call('POST', `/api/approvals/${first.id}/decide`, { body: { optionId } })).status).toBe(200);
        await untilStatus(() => app.call('GET', `/api/sessions/${id}`), 'idle', 'failed');
        expect(readFileSync(join(workspace.path, 'people.txt'), 'utf8').trim()).toBe('ran');

        await app.call('POST', `/api/sessions/${id}/input`, { body: { content: 'ask:touch refused.txt' } });
        const second = await eventually<any>(asked, Boolean, 60_000);
        const no = second.options.find(({ kind }: any) => /^reject/.test(kind)).optionId;
        expect((await app.call('POST', `/api/approvals/${second.id}/decide`, { body: { optionId: no } })).status).toBe(200);
        await untilStatus(() => app.call('GET', `/api/sessions/${id}`), 'idle', 'failed');
        expect(existsSync(join(workspace.path, 'refused.txt'))).toBe(false);

        await app.call('POST', `/api/sessions/${id}/input`, { body: { content: 'ask:touch interrupted.txt' } });
        const third = await eventually<any>(asked, Boolean, 60_000);
        await app.call('POST', `/api/sessions/${id}/interrupt`);
        await untilStatus(() => app.call('GET', `/api/sessions/${id}`), 'idle', 'failed');
        expect((await app.call('GET', `/api/approvals/${third.id}`)).body.status).toBe('cancelled');
        expect(existsSync(join(workspace.path, 'interrupted.txt'))).toBe(false);
        await app.call('POST', `/api/sessions/${id}/stop`);
      }, 180_000);

      it('is interrupted in the middle of an answer', async () => {
        const from = client.frames.length;
        await prompt('slow:60');
        await client.frame(({ type, kind }) => type === 'delta' && kind !== 'thought', 'a piece of the slow answer', from);
        expect((await app.call('POST', `/api/sessions/${session.id}/interrupt`)).status).toBe(202);
        await untilStatus(get, 'idle');
        await client.until(
          () => events().some(({ type, payload }: any) => type === 'turn' && payload.state === 'cancelled'),
          'the cancelled turn',
        );
        const before = texts().length;
        await prompt('say:still here');
        await client.until(
          () =>
            texts()
              .slice(before)
              .some((text: string) => text.includes('still here')),
          'an answer after the interrupt',
          60_000,
        );
        await untilStatus(get, 'idle');
      }, 120_000);

      it('reports usage as increments', async () => {
        const { usage } = (await get()).body;
        expect(usage.input + usage.output + usage.cacheRead + usage.cacheWrite).toBeGreaterThan(0);
      });

      it('is stopped, also in the middle of a command, and no process is left', async () => {
        await prompt('ask:tail -f /dev/null');
        await client.until(() => events().filter(({ type }) => type === 'approval').length > 1, 'the permission', 60_000);
        const mark = `MUSTER_SESSION_ID=${session.id}`;
        await eventually(() => processesWith(mark).length > 1);
        const stopped = await app.call('POST', `/api/sessions/${session.id}/stop`);
        expect(stopped).toMatchObject({ status: 200, body: { status: 'stopped' } });
        expect(processesWith(mark)).toEqual([]);
        await client.frame(({ type, sessionId }) => type === 'end' && sessionId === session.id, 'the end frame');
        const seqs = events().map(({ seq }) => seq);
        expect(seqs).toEqual(seqs.map((_, index) => index + 1));
      }, 90_000);
    });
  });
