import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { processesWith } from '../support/processes.js';
import { describeWithAgent, type FakeModel, prepareRealAgent, type RealAgentName, startFakeModel } from '../support/real-agents.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

const AGENTS: RealAgentName[] = ['claude-code', 'codex', 'opencode'];

for (const name of AGENTS)
  describeWithAgent(name, `real ${name} outlives the server, offline`, () => {
    describe.each(DIALECTS)('on %s', (dialect) => {
      let model: FakeModel;
      let database: TestDatabase;
      let server: ServerProcess;
      let environment: Record<string, string>;

      beforeAll(async () => {
        model = await startFakeModel();
        database = await createDatabase(dialect);
        const path = join(database.dataDir, 'projects', 'real');
        mkdirSync(path, { recursive: true });
        const profile = prepareRealAgent(name, { workspace: path, home: join(database.dataDir, 'home'), modelUrl: model.url });
        const agentsFile = join(database.dataDir, 'agents.json');
        writeFileSync(agentsFile, JSON.stringify({ agents: [profile] }));
        environment = { ...database.environment, MUSTER_AGENTS_FILE: agentsFile, MUSTER_AGENTS_ON_SHUTDOWN: 'keep' };
        server = await ServerProcess.start(environment);
      }, 60_000);
      afterAll(async () => {
        // Also where the test has failed: with this server nothing would end them.
        for (const { id } of (await server?.call('GET', '/api/sessions'))?.body.items ?? [])
          await server.call('POST', `/api/sessions/${id}/stop`);
        await server?.end();
        await database?.drop();
        await model?.stop();
      });

      it('killed in the middle of an answer: it is one message, and the turn ends as ever', async () => {
        const workspace = await makeWorkspace((path, body) => server.call('POST', path, body), database.dataDir, 'real');
        const words = Array.from({ length: 20 }, (_, index) => `word${index}`).join(' ');
        const { body: session } = await server.call('POST', '/api/sessions', {
          ...{ workspaceId: workspace.id, agent: name, policy: 'allow-all', launch: false },
        });
        const get = async () => (await server.call('GET', `/api/sessions/${session.id}`)).body;
        const events = async (): Promise<any[]> => (await server.call('GET', `/api/sessions/${session.id}/events?limit=1000`)).body.items;
        const answers = async () =>
          (await events())
            .filter(({ type, payload }) => type === 'message' && payload.role === 'assistant')
            .map(({ payload }) => [payload.content.map(({ text }: any) => text).join(''), payload.truncated]);
        const client = await WsClient.connect(server.url, { key: server.key });
        await client.request({ type: 'subscribe', sessionId: session.id });
        await server.call('POST', `/api/sessions/${session.id}/input`, { content: `slow:6\nsay:${words}` });
        const isBegun = () => client.frames.some(({ type, kind }) => type === 'delta' && kind !== 'thought');
        await client.until(isBegun, 'a piece of the answer', 60_000);
        const { processId } = await get();
        await server.end('SIGKILL');
        server = await ServerProcess.start(environment);
        expect(await get()).toMatchObject({ status: 'running', processId });
        await eventually(get, ({ status }) => status === 'idle', 60_000);
        const told = (await answers()).filter(([text]) => text.includes('word'));
        expect(told).toEqual([[expect.stringContaining(words), undefined]]);
        const all = await events();
        expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
        expect(all.filter(({ type }) => type === 'turn').map(({ payload }) => payload.state)).toEqual(['started', 'completed']);

        await server.call('POST', `/api/sessions/${session.id}/input`, { content: 'say:and again' });
        await eventually(answers, (list) => list.some(([text]) => text.includes('and again')), 60_000);
        expect((await server.call('POST', `/api/sessions/${session.id}/stop`)).status).toBe(200);
        expect(processesWith(`MUSTER_SESSION_ID=${session.id}`)).toEqual([]);
      }, 150_000);
    });
  });
