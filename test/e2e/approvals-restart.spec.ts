import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bench, ran } from '../support/asking-sessions.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

describe.each(DIALECTS)('a question and a server that is killed on %s', (dialect) => {
  let database: TestDatabase;
  let server: ServerProcess;
  let workspace: { id: string; path: string };
  const on = () => bench((method, path, body) => server.call(method, path, body), workspace);

  beforeAll(async () => {
    database = await createDatabase(dialect);
    server = await ServerProcess.start(database.environment);
    workspace = await makeWorkspace((path, body) => server.call('POST', path, body), database.dataDir, 'killed');
  });
  afterAll(async () => {
    for (const { id } of (await server.call('GET', '/api/sessions')).body.items) await server.call('POST', `/api/sessions/${id}/stop`);
    await server?.end();
    await database?.drop();
  });
  const restart = async () => {
    await server.end('SIGKILL');
    server = await ServerProcess.start(database.environment);
  };

  it('is still asked; allowed then, the tool runs once and the turn ends', async () => {
    const session = await on().ask({ prompt: 'run:echo ran >> survived.txt\nsay:done' });
    const asked = await on().pending(session.id);
    await restart();
    expect((await server.call('GET', `/api/approvals/${asked.id}`)).body).toEqual(asked);
    expect((await on().get(session.id)()).body.status).toBe('awaiting_approval');
    expect(await on().decide(asked.id, { optionId: 'allow_once' })).toMatchObject({ status: 200 });
    await untilStatus(on().get(session.id), 'idle', 'failed', 'lost');
    expect(ran(join(workspace.path, 'survived.txt'))).toBe(1);
    const list = await on().events(session.id);
    expect(list.map(({ seq }) => seq)).toEqual(list.map((_, index) => index + 1));
    expect((await on().story(session.id)).slice(3)).toEqual([
      'turn started',
      'approval pending',
      'awaiting_approval',
      'approval decided',
      'running',
      'turn completed',
      'idle',
    ]);
  });

  it('is answered once where the server was killed right after the decision', async () => {
    const session = await on().ask({ prompt: 'run:echo ran >> decided.txt' });
    const asked = await on().pending(session.id);
    expect(await on().decide(asked.id, { optionId: 'allow_once' })).toMatchObject({ status: 200 });
    await restart();
    await untilStatus(on().get(session.id), 'idle', 'failed', 'lost');
    expect(ran(join(workspace.path, 'decided.txt'))).toBe(1);
    expect((await server.call('GET', `/api/sessions/${session.id}/approvals`)).body.items).toMatchObject([{ status: 'decided' }]);
  });

  it('is cancelled where its agent is gone too', async () => {
    const session = await on().ask({ prompt: 'run:touch killed.txt' });
    const asked = await on().pending(session.id);
    const { processId } = (await on().get(session.id)()).body;
    await server.end('SIGKILL');
    process.kill(processId, 'SIGKILL');
    server = await ServerProcess.start(database.environment);
    await untilStatus(on().get(session.id), 'lost', 'failed');
    const { body } = await server.call('GET', `/api/approvals/${asked.id}`);
    expect(body).toMatchObject({ status: 'cancelled', decidedBy: 'system', reason: expect.any(String) });
    expect(await on().decide(asked.id, { optionId: 'allow_once' })).toMatchObject({ status: 409, body: { code: 'approval_closed' } });
    expect(existsSync(join(workspace.path, 'killed.txt'))).toBe(false);
  });
});
