import Database from 'better-sqlite3';
import { Client } from 'pg';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import type { Frame } from '../support/frames.js';
import { NO_CLUSTER, PostgresCluster } from '../support/postgres-cluster.js';
import { shimsOf } from '../support/processes.js';
import { ServerProcess } from '../support/server-process.js';
import { makeWorkspace } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

const loud = jest.requireActual<{ pieceOf: (n: number, size: number) => string }>('../support/loud-agent.cjs');
const PROFILE = {
  name: 'loud',
  runtime: 'acp',
  command: [process.execPath, resolve(__dirname, '../support/loud-agent.cjs')],
  versionCommand: null,
};
const SIZE = 1_000;
const textOf = (pieces: number) => Array.from({ length: pieces }, (_, n) => loud.pieceOf(n, SIZE)).join('');
const agentsFile = (dataDir: string) => {
  const file = join(dataDir, 'agents.json');
  writeFileSync(file, JSON.stringify({ agents: [PROFILE] }));
  return { MUSTER_AGENTS_FILE: file };
};

/** Characters of the row of such a text: it is kept as JSON. */
const savedForm = (text: string): number => [...JSON.stringify(text)].length;

/** Streaming text as a reader has it: what was open when it came, and every delta in its place. */
function seenBy(client: WsClient, sessionId: string, kind = 'message'): string {
  let text = '';
  let blockId: string | undefined;
  for (const frame of client.frames) {
    if (frame.sessionId !== sessionId) continue;
    const open: Frame | undefined = frame.type === 'snapshot' ? frame.open.find((each: Frame) => each.kind === kind) : undefined;
    if (open) [text, blockId] = [open.text, open.blockId];
    if (frame.type !== 'delta' || frame.kind !== kind) continue;
    if (frame.blockId !== blockId) [text, blockId] = ['', frame.blockId];
    expect(frame.offset).toBe(text.length);
    text += frame.text;
  }
  return text;
}

async function follow(server: { url: string; key: string }, sessionId: string): Promise<WsClient> {
  const client = await WsClient.connect(server.url, { key: server.key });
  await client.request({ type: 'subscribe', sessionId });
  await client.frame(({ type }) => type === 'caught_up');
  return client;
}

/** The text of a message, whether it lies in the event or beside it. */
async function wholeText(server: { url: string; key: string }, sessionId: string, event: Frame | undefined): Promise<string> {
  const { text } = event?.payload.content[0] ?? {};
  if (typeof text === 'string') return text;
  const response = await fetch(`${server.url}/api/sessions/${sessionId}/blobs/${text.blob}`, {
    headers: { authorization: `Bearer ${server.key}` },
  });
  expect(response.status).toBe(200);
  return response.text();
}

/** Ends the hosts of agents with a session: what they had said is all there is. */
const killHosts = (sessionId: string) => shimsOf(sessionId).forEach((pid) => process.kill(pid, 'SIGKILL'));

describe.each(DIALECTS)('streaming text of a server that is killed, on %s', (dialect) => {
  let database: TestDatabase;
  let server: ServerProcess;
  let workspaceId: string;
  const start = async () => (server = await ServerProcess.start({ ...database.environment, ...agentsFile(database.dataDir) }));

  beforeAll(async () => {
    database = await createDatabase(dialect);
    await start();
    workspaceId = (await makeWorkspace((path, body) => server.call('POST', path, body), database.dataDir, 'open')).id;
  });
  afterAll(async () => {
    await server?.end();
    await database.drop();
  });

  const stream = async (name: string, steps: readonly object[]): Promise<string> =>
    (await server.call('POST', '/api/sessions', { workspaceId, agent: 'loud', name, prompt: JSON.stringify(steps) })).body.id;
  const events = async (id: string, type: string): Promise<any[]> =>
    (await server.call('GET', `/api/sessions/${id}/events?limit=1000&type=${type}`)).body.items;
  const savedLength = async (sessionId: string): Promise<number> => {
    const [sql, file] = ['select length(body) as length from open_blocks where session_id = ', join(database.dataDir, 'muster.db')];
    if (dialect === 'postgres') {
      const client = new Client({ connectionString: database.environment.MUSTER_DATABASE_URL });
      await client.connect();
      try {
        return Number((await client.query(`${sql}$1`, [sessionId])).rows[0]?.length ?? 0);
      } finally {
        await client.end();
      }
    }
    const db = new Database(file, { readonly: true });
    try {
      return Number(Object(db.prepare(`${sql}?`).get(sessionId)).length ?? 0);
    } finally {
      db.close();
    }
  };

  it('is a message of all that was heard, and never of anything else, for two who spoke at once, where their hosts are killed too', async () => {
    const go = join(database.dataDir, 'go');
    const steps = (kind: { thought?: boolean }) => [
      { stream: { pieces: 500, size: SIZE, ...kind } },
      { wait: go },
      { stream: { pieces: 400, size: SIZE, ...kind } },
      { hang: true },
    ];
    const ids = [await stream('speaks', steps({})), await stream('thinks', steps({ thought: true }))] as const;
    const kinds = ['message', 'thought'] as const;
    const half = textOf(500);
    const readers: WsClient[] = await Promise.all(ids.map((id) => follow(server, id)));
    for (const id of ids) await eventually(async () => (await savedLength(id)) === savedForm(half));
    const cursors = readers.map((reader, index) => reader.cursors.get(ids[index] ?? '') ?? '');
    writeFileSync(go, '');
    // In the middle of the rest: it was heard, and may be saved or not.
    for (const [index, reader] of readers.entries())
      await reader.until(() => seenBy(reader, ids[index] ?? '', kinds[index]).length > half.length, 'more');
    await server.end('SIGKILL');
    ids.forEach(killHosts);
    const seen = readers.map((reader, index) => seenBy(reader, ids[index] ?? '', kinds[index]));
    const whole = half + textOf(400);
    for (const text of seen) expect(whole.startsWith(text)).toBe(true);

    await start();
    for (const [index, id] of ids.entries()) {
      const kind = kinds[index] ?? '';
      const [event] = await eventually(
        () => events(id, kind),
        (found) => found.length > 0,
      );
      expect(event.payload).toMatchObject({ truncated: true, blockId: event.id });
      const stored = await wholeText(server, id, event);
      expect(stored.length).toBeGreaterThanOrEqual(seen[index]?.length ?? 0);
      expect(whole.startsWith(stored)).toBe(true);
      // Who reads on from where he was gets it once, and no text of it is open any more.
      const again = await WsClient.connect(server.url, { key: server.key });
      await again.request({ type: 'subscribe', sessionId: id, after: cursors[index] });
      await again.until(() => again.events(id).some((each) => each.id === event.id), 'the truncated message');
      expect((await again.frame(({ type }) => type === 'snapshot')).open).toEqual([]);
      expect(await events(id, kind)).toHaveLength(1);
      await again.close();
    }
    // Another life finds nothing more to make of it.
    await server.end('SIGKILL');
    await start();
    for (const [index, id] of ids.entries()) expect(await events(id, kinds[index] ?? '')).toHaveLength(1);
  }, 120_000);

  it('is one message, whole, where the server is killed the moment after it is stored', async () => {
    const id = await stream('stored', [{ stream: { pieces: 300, size: SIZE } }, { tool: { bytes: 8 } }, { hang: true }]);
    const reader = await follow(server, id);
    await reader.until(() => reader.events(id).some(({ type }) => type === 'message'), 'the message');
    await server.end('SIGKILL');
    expect(seenBy(reader, id)).toBe(textOf(300));
    await start();
    const messages = await events(id, 'message');
    expect(messages).toHaveLength(1);
    expect(messages[0].payload.truncated).toBeUndefined();
    expect(await wholeText(server, id, messages[0])).toBe(textOf(300));
    expect(await savedLength(id)).toBe(0);
  }, 60_000);
});

(NO_CLUSTER === undefined ? describe : describe.skip)('streaming text while PostgreSQL restarts', () => {
  let cluster: PostgresCluster;
  let app: TestApp;
  let dataDir: string;

  beforeAll(async () => {
    cluster = await PostgresCluster.create();
    dataDir = mkdtempSync(join(tmpdir(), 'muster-test-'));
    const environment = {
      MUSTER_DATA_DIR: dataDir,
      MUSTER_WORKSPACE_ROOTS: dataDir,
      MUSTER_DATABASE_URL: await cluster.createDatabase('muster'),
    };
    app = await TestApp.start('postgres', agentsFile(dataDir), { dialect: 'postgres', dataDir, environment, drop: async () => undefined });
  });
  afterAll(async () => {
    await app?.close();
    await cluster?.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('loses nothing: what readers see is what is stored, once, whole', async () => {
    const [more, end] = [join(dataDir, 'more'), join(dataDir, 'end')];
    const { id: workspaceId } = await makeWorkspace((path, body) => app.call('POST', path, { body }), dataDir, 'open');
    const prompt = JSON.stringify([
      { stream: { pieces: 200, size: SIZE } },
      { wait: more },
      { stream: { pieces: 300, size: SIZE } },
      { wait: end },
    ]);
    const { id } = (await app.call('POST', '/api/sessions', { body: { workspaceId, agent: 'loud', prompt } })).body;
    const before = await follow(app, id);
    await before.until(() => seenBy(before, id) === textOf(200), 'the first part');
    await cluster.stop('immediate');
    // The agent goes on meanwhile, and ends its message while nothing can be stored.
    writeFileSync(more, '');
    const whole = textOf(200) + textOf(300);
    if (!before.closed) await before.until(() => seenBy(before, id) === whole || before.closed !== undefined, 'the rest, or a close');
    writeFileSync(end, '');
    await cluster.start();
    const after = await eventually(
      () => follow(app, id).catch(() => undefined),
      (client) => client !== undefined,
      60_000,
    );
    await after?.until(() => after.events(id).some(({ type }) => type === 'message'), 'the message', 60_000);
    const messages = after?.events(id).filter(({ type }) => type === 'message') ?? [];
    expect(messages).toHaveLength(1);
    expect(messages[0]?.payload.truncated).toBeUndefined();
    expect(await wholeText(app, id, messages[0])).toBe(whole);
    if (!before.closed) expect(seenBy(before, id)).toBe(whole);
    const idle = await eventually(
      async () => (await app.call('GET', `/api/sessions/${id}`)).body,
      ({ status }) => status !== 'running',
      60_000,
    );
    expect(idle.status).toBe('idle');
    await Promise.all([before.close(), after?.close()]);
  }, 180_000);
});
