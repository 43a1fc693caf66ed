import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { NO_CLUSTER, PostgresCluster, postgresUser } from '../support/postgres-cluster.js';
import { processesWith } from '../support/processes.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';
import { NO_SMALL_DISK, SmallDisk } from '../support/small-disk.js';
import { WsClient } from '../support/ws-client.js';

interface Place {
  readonly environment: Record<string, string>;
  readonly disk: SmallDisk;
  remove(): Promise<void>;
}

/** SQLite: the whole data directory lies on a small disk. */
async function sqlite(): Promise<Place> {
  const disk = SmallDisk.create(24);
  const elsewhere = mkdtempSync(join(tmpdir(), 'muster-test-'));
  return {
    disk,
    environment: { MUSTER_DATA_DIR: join(disk.dir, 'data'), MUSTER_WORKSPACE_ROOTS: elsewhere, HOME: elsewhere },
    remove: async () => {
      disk.remove();
      rmSync(elsewhere, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL: its tables do. (With a full disk below its own log, it ends and starts again: that is a lost connection.) */
async function postgres(): Promise<Place> {
  const cluster = await PostgresCluster.create();
  const disk = SmallDisk.create(24, postgresUser());
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-test-'));
  await cluster.query(`create tablespace small location '${disk.dir}'`);
  await cluster.query('create database muster tablespace small');
  return {
    disk,
    environment: { MUSTER_DATA_DIR: dataDir, MUSTER_WORKSPACE_ROOTS: dataDir, MUSTER_DATABASE_URL: cluster.url('muster') },
    remove: async () => {
      await cluster.remove();
      disk.remove();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const PLACES = { sqlite, postgres };
const LARGE = 'x'.repeat(100_000);
const event = (id: string, text = LARGE) => ({ id, type: 'log', payload: { level: 'info', text } });

const isPossible = NO_SMALL_DISK === undefined && NO_CLUSTER === undefined;
const title = isPossible ? 'a full disk below %s' : `a full disk below %s (skipped: ${NO_SMALL_DISK ?? NO_CLUSTER})`;

(isPossible ? describe : describe.skip).each(DIALECTS)(title, (dialect) => {
  let place: Place;
  let server: ServerProcess;
  let sessionId: string;
  const acknowledged: string[] = [];
  const refused: string[] = [];

  beforeAll(async () => {
    place = await PLACES[dialect]();
    server = await ServerProcess.start(place.environment);
    sessionId = (await server.call('POST', '/api/sessions', { runtime: 'external' })).body.id;
  });
  afterAll(async () => {
    place.disk.free();
    await server?.end();
    await place.remove();
  });

  let n = 0;
  const append = (body: unknown) => server.call('POST', `/api/sessions/${sessionId}/events`, body);
  /** Appends large events until one is refused. */
  const appendUntilFull = async () => {
    for (;;) {
      const id = `e${++n}`;
      const { status, body } = await append(event(id));
      if (status !== 201) {
        refused.push(id);
        return { id, status, body };
      }
      acknowledged.push(id);
    }
  };
  const stored = async (): Promise<{ seq: number; id: string }[]> => {
    const found: any[] = [];
    for (let cursor = '0'; ;) {
      const { status, body } = await server.call('GET', `/api/sessions/${sessionId}/events?limit=50&type=log&after=${cursor}`);
      expect(status).toBe(200);
      found.push(...body.items);
      if (!body.nextCursor) return found.map(({ seq, id }) => ({ seq, id }));
      cursor = body.nextCursor;
    }
  };
  const metric = async (name: string) => {
    const response = await fetch(`${server.url}/api/metrics`, { headers: { authorization: `Bearer ${server.key}` } });
    return new RegExp(`^${name} (\\S+)$`, 'm').exec(await response.text())?.[1];
  };

  it('refuses what it can not keep with 507 on every way in, keeps nothing of it, and goes on reading', async () => {
    for (let at = 0; at < 3; at++) {
      const id = `e${++n}`;
      expect((await append(event(id))).status).toBe(201);
      acknowledged.push(id);
    }
    place.disk.fill();
    const first = await appendUntilFull();
    expect(first).toMatchObject({
      status: 507,
      body: { status: 507, title: 'Insufficient Storage', code: 'storage_full', remedy: expect.stringMatching(/room/) },
    });
    const response = await fetch(`${server.url}/api/sessions/${sessionId}/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(event('header')),
    });
    refused.push('header');
    expect([response.status, response.headers.get('content-type'), Number(response.headers.get('retry-after'))]).toEqual([
      507,
      expect.stringMatching(/problem\+json/),
      expect.any(Number),
    ]);

    // Many at once share a transaction; none of it may stay.
    const many = Array.from({ length: 30 }, (_, index) => `m${index}`);
    const answers = await Promise.all(many.map((id) => append(event(id))));
    for (const [index, { status }] of answers.entries()) {
      expect([201, 507]).toContain(status);
      (status === 201 ? acknowledged : refused).push(many[index] ?? '');
    }
    const batch = await append({ events: [event('b1'), event('b2')] });
    refused.push('b1', 'b2');
    expect(batch).toMatchObject({ status: 507, body: { code: 'storage_full' } });
    const socket = await WsClient.connect(server.url, { key: server.key });
    expect(await socket.request({ type: 'append', sessionId, events: [event('w1')] })).toMatchObject({
      type: 'error',
      status: 507,
      code: 'storage_full',
    });
    refused.push('w1');
    await socket.close();

    const found = await stored();
    expect(found.map(({ id }) => id).sort()).toEqual([...acknowledged].sort());
    expect((await server.call('GET', `/api/sessions/${sessionId}`)).status).toBe(200);
    expect(await server.call('GET', '/api/health')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { writes: expect.stringMatching(/^storage_full since /) } },
    });
    expect(Number(await metric('muster_storage_failures_total\\{code="storage_full"\\}'))).toBeGreaterThan(2);
    expect(await metric('muster_storage_writes_fail')).toBe('1');
    expect(server.log.match(/"level":"error"/g)).toHaveLength(1);
  });

  it('recovers by itself when there is room, and the same ids are kept once', async () => {
    place.disk.free();
    for (const id of refused.splice(0)) {
      expect(await append(event(id))).toMatchObject({ status: 201, body: { id, duplicate: false } });
      acknowledged.push(id);
    }
    expect(await append(event('e1'))).toMatchObject({ body: { id: 'e1', duplicate: true } });
    const found = await stored();
    expect(found.map(({ id }) => id).sort()).toEqual([...acknowledged].sort());
    expect(await server.call('GET', '/api/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'ok', checks: { database: 'ok' } },
    });
    expect(await metric('muster_storage_writes_fail')).toBe('0');
  });

  it('fills up and recovers again and again: each commit is one', async () => {
    for (let round = 0; round < 3; round++) {
      place.disk.fill();
      expect((await appendUntilFull()).status).toBe(507);
      place.disk.free();
      const id = `after${round}`;
      expect((await append(event(id, 'small'))).status).toBe(201);
      acknowledged.push(id);
    }
    // What was acknowledged after a failure is there for a life that begins with what is on disk.
    await server.end('SIGKILL');
    server = await ServerProcess.start(place.environment);
    const found = await stored();
    expect(found.map(({ id }) => id).sort()).toEqual([...acknowledged].sort());
    const { items } = (await server.call('GET', `/api/sessions/${sessionId}/events?limit=1000`)).body;
    expect(items.map(({ seq }: { seq: number }) => seq)).toEqual(items.map((_: unknown, index: number) => index + 1));
  });

  it('loses nothing of what an agent says meanwhile', async () => {
    const root = place.environment.MUSTER_WORKSPACE_ROOTS ?? '';
    const workspace = await makeWorkspace((path, body) => server.call('POST', path, body), root, `full-${dialect}`);
    const gate = join(root, 'gate');
    const { body: session } = await server.call('POST', '/api/sessions', {
      workspaceId: workspace.id,
      agent: 'demo',
      policy: 'allow-all',
      prompt: `say:before\nrun:while [ ! -e ${gate} ]; do sleep 0.05; done\nsay:while it was full ${'y'.repeat(60_000)}\nsay:and after`,
    });
    const events = async (): Promise<any[]> => (await server.call('GET', `/api/sessions/${session.id}/events?limit=1000`)).body.items;
    await eventually(async () => (await events()).some(({ type, payload }) => type === 'tool_update' && payload.status === 'in_progress'));
    place.disk.fill();
    await appendUntilFull();
    closeSync(openSync(gate, 'w'));
    // The agent and its shim are left: it has gone on to what it says now.
    await eventually(() => processesWith(`MUSTER_SESSION_ID=${session.id}`).length === 2);
    place.disk.free();
    await untilStatus(() => server.call('GET', `/api/sessions/${session.id}`), 'idle');
    const text = JSON.stringify(await events());
    for (const said of ['before', 'while it was full', 'and after']) expect(text).toContain(said);
  }, 120_000);
});
