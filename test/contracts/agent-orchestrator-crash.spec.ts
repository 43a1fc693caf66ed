import { randomUUID } from 'node:crypto';
import { AoClient, aoEvent, type AoSocket, text } from '../support/ao-client.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ServerProcess } from '../support/server-process.js';

describe.each(DIALECTS)('agent-orchestrator over kill -9 on %s', (dialect) => {
  let database: TestDatabase;
  let server: ServerProcess | undefined;
  beforeAll(async () => (database = await createDatabase(dialect)));
  afterAll(async () => {
    await server?.end('SIGKILL');
    await database?.drop();
  });

  it('keeps everything that was answered, and tells the truth to who comes again', async () => {
    const start = async () => {
      server = await ServerProcess.start(database.environment);
      return AoClient.withKey(server.url, server.key);
    };
    let ao = await start();
    const acknowledged = new Map<string, string[]>();
    const sockets: AoSocket[] = [];
    for (let round = 0; round < 2; round++) {
      const watching = await ao.socket();
      sockets.push(watching);
      expect(watching.init.map((each: any) => each.session_id).sort()).toEqual(expect.arrayContaining([...acknowledged.keys()].sort()));
      const ids = Array.from({ length: 4 }, () => randomUUID());
      let isOver = false;
      const writers = ids.map(async (id) => {
        if ((await ao.post('/sessions', { session_id: id, session_name: `round ${round}` })).status === 200) acknowledged.set(id, []);
        for (let i = 0; !isOver; i++) {
          const { status } = await ao.post(`/sessions/${id}/events`, aoEvent(id, 'message', { role: 'assistant', content: text(`${i}`) }));
          if (status === 200) acknowledged.get(id)?.push(`${i}`);
        }
      });
      const ended = Promise.allSettled(writers);
      await eventually(() => ids.every((id) => (acknowledged.get(id)?.length ?? 0) >= 5));
      await server?.end('SIGKILL');
      isOver = true;
      await ended;
      await eventually(() => watching.closed !== undefined);
      ao = await start();
      for (const [id, said] of acknowledged) {
        const { body } = await ao.get(`/sessions/${id}/events?limit=10000`);
        const kept = body.events.map((each: any) => each.content[0].text);
        // One more may be there: stored, and killed before it was answered.
        expect(kept.slice(0, said.length)).toEqual(said);
        expect(kept.length - said.length).toBeLessThanOrEqual(1);
        expect((await ao.get(`/sessions/${id}/status`)).body).toEqual({ status: 'running' });
      }
    }
    const [id = ''] = acknowledged.keys();
    await ao.post(`/sessions/${id}/events`, aoEvent(id, 'session_stop'));
    await server?.end('SIGKILL');
    ao = await start();
    const again = await ao.socket();
    expect(again.init.find((each: any) => each.session_id === id)).toMatchObject({ status: 'finished' });
    // Nobody was told of what is not there.
    const stored = new Set<string>();
    for (const each of acknowledged.keys()) {
      const { body } = await ao.get(`/sessions/${each}/events?limit=10000`);
      for (const { content } of body.events) stored.add(`${each} ${content?.[0]?.text}`);
    }
    const told = sockets.flatMap((socket) => socket.told.filter(({ data }) => data && acknowledged.has(data.session_id)));
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter(({ data }) => !stored.has(`${data.session_id} ${data.content[0].text}`))).toEqual([]);
    await again.close();
  }, 180_000);
});
