import { DIALECTS, createDatabase, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { NO_CLUSTER, PostgresCluster } from '../support/postgres-cluster.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';

const isPossible = NO_CLUSTER === undefined && DIALECTS.includes('postgres');

(isPossible ? describe : describe.skip)(`a PostgreSQL that goes away${NO_CLUSTER === undefined ? '' : ` (skipped: ${NO_CLUSTER})`}`, () => {
  let cluster: PostgresCluster;
  let database: TestDatabase;
  let server: ServerProcess;
  let sessionId: string;

  beforeAll(async () => {
    cluster = await PostgresCluster.create();
    database = await createDatabase('sqlite');
    server = await ServerProcess.start({ ...database.environment, MUSTER_DATABASE_URL: await cluster.createDatabase('muster') });
    sessionId = (await server.call('POST', '/api/sessions', { runtime: 'external' })).body.id;
  });
  afterAll(async () => {
    await server?.end();
    await cluster?.remove();
    await database.drop();
  });

  const event = (id: string) => ({ id, type: 'log', payload: { level: 'info', text: id } });
  const append = (id: string) => server.call('POST', `/api/sessions/${sessionId}/events`, event(id));

  it('is 503 for every route that needs it, with what to do; the process goes on, and so does the rest when it is back', async () => {
    await cluster.stop('fast');
    for (const [method, path, body] of [
      ['POST', `/api/sessions/${sessionId}/events`, event('away')],
      ['GET', `/api/sessions/${sessionId}/events`],
      ['GET', '/api/sessions'],
      ['POST', '/api/sessions', { runtime: 'external' }],
      ['GET', '/api/feed'],
    ] as const) {
      const response = await fetch(server.url + path, {
        method,
        headers: { authorization: `Bearer ${server.key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
        body: body && JSON.stringify(body),
      });
      expect([path, response.status, await response.json()]).toEqual([
        path,
        503,
        expect.objectContaining({ code: 'database_unavailable', remedy: expect.any(String) }),
      ]);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(await server.call('GET', '/api/health/ready')).toMatchObject({ status: 503 });
    expect((await server.call('GET', '/api/health')).status).toBe(200);
    await cluster.start();
    await eventually(async () => (await server.call('GET', '/api/health/ready')).body.status === 'ok');
    expect(await append('away')).toMatchObject({ status: 201, body: { duplicate: false } });
    // What heals by itself needs nobody.
    expect(server.log).not.toContain('"level":"error"');
  }, 120_000);

  it('loses nothing and doubles nothing where it is killed under load, and drives its agents on', async () => {
    const workspace = await makeWorkspace((path, body) => server.call('POST', path, body), database.dataDir, 'away');
    const acknowledged = new Map<string, number>();
    const ids = Array.from({ length: 400 }, (_, index) => `load-${index}`);
    const other: unknown[] = [];
    /** As a client that keeps its promise: the same id until it is heard that it is kept. */
    const untilKept = async (id: string) => {
      await eventually(
        async () => {
          const { status, body } = await append(id);
          if (status === 201) acknowledged.set(id, body.seq);
          else if (status !== 503) other.push(body);
          return status === 201;
        },
        Boolean,
        60_000,
      );
    };
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let at = writer; at < ids.length; at += 8) await untilKept(ids[at] ?? '');
    });
    const sessions: string[] = [];
    for (const [round, how] of (['immediate', 'kill', 'fast'] as const).entries()) {
      const { body } = await server.call('POST', '/api/sessions', {
        workspaceId: workspace.id,
        agent: 'demo',
        policy: 'allow-all',
        prompt: `say:one of ${round}\nrun:sleep 0.3\nsay:two of ${round}`,
      });
      sessions.push(body.id);
      await eventually(() => acknowledged.size > (round + 1) * 60);
      await cluster.restart(how);
    }
    await Promise.all(writers);
    expect(other).toEqual([]);
    const { items } = (await server.call('GET', `/api/sessions/${sessionId}/events?limit=1000`)).body;
    expect(items.map(({ seq }: any) => seq)).toEqual(items.map((_: unknown, index: number) => index + 1));
    const bySeq = new Map<string, number>(items.map(({ id, seq }: any) => [id, seq]));
    expect(items.filter(({ id }: any) => id.startsWith('load-'))).toHaveLength(ids.length);
    for (const [id, seq] of acknowledged) expect([id, bySeq.get(id)]).toEqual([id, seq]);
    for (const [round, id] of sessions.entries()) {
      await untilStatus(() => server.call('GET', `/api/sessions/${id}`), 'idle');
      const events = (await server.call('GET', `/api/sessions/${id}/events?limit=1000`)).body.items as any[];
      expect(events.filter(({ type }) => type === 'turn').map(({ payload }) => payload.state)).toEqual(['started', 'completed']);
      const said = events
        .filter(({ type, payload }) => type === 'message' && payload.role === 'assistant')
        .map(({ payload }) => payload.content);
      const text = JSON.stringify(said);
      expect([text.split(`one of ${round}`).length, text.split(`two of ${round}`).length]).toEqual([2, 2]);
    }
  }, 180_000);
});
