import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { describeWithAgent, type FakeModel, prepareRealAgent, type RealAgentName, startFakeModel } from '../support/real-agents.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

const AGENTS: RealAgentName[] = ['claude-code', 'codex', 'opencode'];
const SECRET = 'the-blue-heron-4711';
/** To whom a conversation goes on that was begun with an agent. */
const NEXT: Record<RealAgentName, RealAgentName> = { 'claude-code': 'codex', codex: 'opencode', opencode: 'claude-code' };

for (const name of AGENTS)
  describeWithAgent(name, `real ${name}, suspended and resumed`, () => {
    describeWithAgent(NEXT[name], `and ${NEXT[name]} after it`, () => {
      let model: FakeModel;
      let database: TestDatabase;
      let app: TestApp;
      let id: string;
      let workspaceId: string;

      beforeAll(async () => {
        model = await startFakeModel({ logBodies: true });
        database = await createDatabase('sqlite');
        const path = join(database.dataDir, 'projects', 'real');
        mkdirSync(path, { recursive: true });
        const setup = { workspace: path, home: join(database.dataDir, 'home'), modelUrl: model.url };
        const agentsFile = join(database.dataDir, 'agents.json');
        writeFileSync(agentsFile, JSON.stringify({ agents: [name, NEXT[name]].map((each) => prepareRealAgent(each, setup)) }));
        app = await TestApp.start('sqlite', { MUSTER_AGENTS_FILE: agentsFile }, database);
        workspaceId = (await makeWorkspace((to, body) => app.call('POST', to, { body }), database.dataDir, 'real')).id;
      }, 60_000);
      afterAll(async () => {
        await app?.close();
        await database?.drop();
        await model?.stop();
      });

      const get = () => app.call('GET', `/api/sessions/${id}`);
      const events = async (): Promise<any[]> => (await app.call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items;
      const hasSaid = (text: string) =>
        eventually(
          async () =>
            (await events()).some(
              ({ type, payload }) => type === 'message' && payload.role === 'assistant' && JSON.stringify(payload).includes(text),
            ),
          Boolean,
          90_000,
        );
      /** What the model was sent with this prompt: all that the agent knows. */
      const knownWith = (prompt: string) => {
        const bodies = model.requests().filter((request) => request.prompt?.includes(prompt) && (request.tools?.length ?? 0) > 0);
        return JSON.stringify(bodies.at(-1)?.body ?? null);
      };

      it('goes on natively: the model is sent the first turn again', async () => {
        const body = { workspaceId, agent: name, policy: 'allow-all', prompt: `say:${SECRET}` };
        id = (await app.call('POST', '/api/sessions', { body })).body.id;
        await hasSaid(SECRET);
        await untilStatus(get, 'idle');
        expect(await app.call('POST', `/api/sessions/${id}/suspend`)).toMatchObject({ status: 200, body: { status: 'suspended' } });
        expect((await app.call('POST', `/api/sessions/${id}/resume`, { body: { prompt: 'say:second-answer' } })).status).toBe(200);
        await hasSaid('second-answer');
        await untilStatus(get, 'idle');
        expect(knownWith('say:second-answer')).toContain(SECRET);
        expect((await events()).filter(({ type }) => type === 'agent_context')).toEqual([]);
        await app.call('POST', `/api/sessions/${id}/stop`);
      }, 240_000);

      it('goes on by another agent, which is told of the conversation', async () => {
        const resumed = await app.call('POST', `/api/sessions/${id}/resume`, { body: { agent: NEXT[name], prompt: 'say:third-answer' } });
        expect(resumed).toMatchObject({ status: 201, body: { resumedFromId: id, agent: NEXT[name] } });
        id = resumed.body.id;
        await hasSaid('third-answer');
        await untilStatus(get, 'idle');
        expect(knownWith('say:third-answer')).toContain(SECRET);
        expect((await events()).filter(({ type }) => type === 'agent_context')).toHaveLength(1);
        await app.call('POST', `/api/sessions/${id}/stop`);
      }, 240_000);
    });
  });
