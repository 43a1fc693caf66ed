import { Database } from '../../src/core/database/database.js';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { loseCommits } from '../support/lost-commits.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

describe.each(DIALECTS)('an agent is driven on %s', (dialect) => {
  let app: TestApp;
  let workspaceId: string;
  beforeAll(async () => {
    app = await TestApp.start(dialect);
    const post = (path: string, body: unknown) => app.call('POST', path, { body });
    ({ id: workspaceId } = await makeWorkspace(post, app.database.dataDir, 'doubt'));
  });
  afterAll(() => app.close());

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('to the end of its turn where commit %i after its creation is not heard of', async (lost) => {
    const prompt = `say:words of ${lost}`;
    const created = await app.call('POST', '/api/sessions', { body: { workspaceId, agent: 'demo', policy: 'allow-all', prompt } });
    const loss = loseCommits(app.get(Database), (commit) => commit === lost);
    try {
      const path = `/api/sessions/${created.body.id}`;
      await untilStatus(() => app.call('GET', path), 'idle');
      const events = (await app.call('GET', `${path}/events?limit=1000`)).body.items as any[];
      expect(events.filter(({ type }) => type === 'turn').map(({ payload }) => payload.state)).toEqual(['started', 'completed']);
      expect(events.filter(({ type }) => type === 'status').map(({ payload }) => payload.to)).toEqual([
        'queued',
        'starting',
        'running',
        'idle',
      ]);
      expect(events.filter(({ type, payload }) => type === 'message' && payload.role === 'assistant')).toHaveLength(1);
      await app.call('DELETE', path);
    } finally {
      loss.stop();
    }
  });
});
