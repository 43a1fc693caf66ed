import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { isAlive } from '../../src/core/process/proc-stat.js';
import { SessionLifecycle } from '../../src/sessions/session-lifecycle.service.js';
import { SessionExpiry } from '../../src/sessions/session-expiry.service.js';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { makeWorkspace } from '../support/sessions.js';

const LONG_AGO = '2020-01-01T00:00:00.000Z';

describe.each(DIALECTS)('sessions that nobody touches, on %s', (dialect) => {
  let app: TestApp;
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createDatabase(dialect);
    const agentsFile = join(database.dataDir, 'agents.json');
    writeFileSync(agentsFile, JSON.stringify({ agents: [{ name: 'slow', runtime: 'process', command: ['sleep', '600'] }] }));
    app = await TestApp.start(dialect, { MUSTER_SESSION_EXPIRES_AFTER: '24h', MUSTER_AGENTS_FILE: agentsFile }, database);
  });
  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const report = async (): Promise<string> => (await app.call('POST', '/api/sessions', { body: { runtime: 'external' } })).body.id;
  const get = async (id: string) => (await app.call('GET', `/api/sessions/${id}`)).body;
  const append = (id: string, event: object) => app.call('POST', `/api/sessions/${id}/events`, { body: event });
  /** Makes a session, and with `log` all that happened in it, old. */
  const age = (id: string, { log = true } = {}) =>
    app.get(UnitOfWork).run(async (work) => {
      await work.query('update sessions set updated_at = ? where id = ?', [LONG_AGO, id]);
      if (log) await work.query('update session_events set recorded_at = ? where session_id = ?', [LONG_AGO, id]);
    });
  const sweep = () => app.get(SessionExpiry).sweep();

  it('expire, with a turn under way, and those that anything happened to do not', async () => {
    const [running, idle, suspended, fresh, heard, over] = [await report(), await report(), await report(), await report(), await report(), await report()]; // prettier-ignore
    await append(running, { type: 'turn', payload: { state: 'started' } });
    await append(idle, { type: 'session_stop', payload: {} });
    await app.get(UnitOfWork).run((work) => work.query("update sessions set status = 'suspended' where id = ?", [suspended]));
    await app.call('POST', `/api/sessions/${over}/stop`);
    for (const id of [running, idle, suspended, over]) await age(id);
    await age(heard, { log: false });
    expect(await sweep()).toBe(3);
    for (const [id, status] of [
      [running, 'expired'],
      [idle, 'expired'],
      [suspended, 'expired'],
      [fresh, 'running'],
      [heard, 'running'],
      [over, 'stopped'],
    ] as const)
      expect([id, (await get(id)).status]).toEqual([id, status]);
    expect(await get(running)).toMatchObject({ endReason: 'nothing happened for 86400 seconds', endedAt: expect.any(String) });
    const open = await app.get(Database).query('select session_id from turns where ended_at is null and session_id = ?', [running]);
    expect(open).toEqual([]);
    expect(await append(running, { type: 'log', payload: { level: 'info', text: 'late' } })).toMatchObject({
      status: 409,
      body: { code: 'session_ended' },
    });
    expect(await sweep()).toBe(0);
  });

  it('end with their agents', async () => {
    const { id: workspaceId } = await makeWorkspace((path, body) => app.call('POST', path, { body }), app.database.dataDir, 'w');
    const { body } = await app.call('POST', '/api/sessions', { body: { workspaceId, agent: 'slow', prompt: 'x' } });
    const row = await eventually(
      () => app.get(SessionLifecycle).find(body.id),
      (session) => session?.status === 'running' && session.processId !== null && session.processStartedAt !== null,
    );
    const process = { pid: row?.processId ?? 0, startedAt: row?.processStartedAt ?? 0 };
    expect(isAlive(process)).toBe(true);
    await age(body.id);
    expect(await sweep()).toBe(1);
    expect((await get(body.id)).status).toBe('expired');
    await eventually(() => !isAlive(process));
    expect((await get(body.id)).status).toBe('expired');
  });
});
