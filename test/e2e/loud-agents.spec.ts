import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TestApp } from '../support/app.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { makeWorkspace, untilStatus } from '../support/sessions.js';
import { WsClient } from '../support/ws-client.js';

const loud = jest.requireActual<{ pieceOf: (n: number, size: number) => string }>('../support/loud-agent.cjs');
const hashOf = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const MB = 1_000_000;

const PROFILES = [
  { name: 'loud', runtime: 'acp', command: [process.execPath, resolve(__dirname, '../support/loud-agent.cjs')], versionCommand: null },
  { name: 'script', runtime: 'process', command: [process.execPath, '-e', '{prompt}'], versionCommand: null },
  { name: 'claude', runtime: 'process', command: [process.execPath, '-e', '{prompt}'], output: 'claude-stream-json', versionCommand: null },
];

describe.each(DIALECTS)('agents that say much, on %s', (dialect) => {
  let database: TestDatabase;
  let app: TestApp;
  let workspaceId: string;

  beforeAll(async () => {
    database = await createDatabase(dialect);
    const file = join(database.dataDir, 'agents.json');
    writeFileSync(file, JSON.stringify({ agents: PROFILES }));
    app = await TestApp.start(dialect, { MUSTER_AGENTS_FILE: file }, database);
    workspaceId = (await makeWorkspace((path, body) => app.call('POST', path, { body }), database.dataDir, 'loud')).id;
  });
  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const run = async (agent: string, prompt: unknown): Promise<string> => {
    const text = typeof prompt === 'string' ? prompt : JSON.stringify(prompt);
    const { status, body } = await app.call('POST', '/api/sessions', { body: { workspaceId, agent, prompt: text } });
    expect([status, body]).toEqual([201, expect.anything()]);
    const settled = await untilStatus(() => app.call('GET', `/api/sessions/${body.id}`), 'idle', 'failed', 'completed');
    expect([settled.status, settled.endReason]).toEqual(['idle', undefined]);
    return body.id;
  };
  const events = async (id: string, type: string): Promise<any[]> =>
    (await app.call('GET', `/api/sessions/${id}/events?limit=1000&type=${type}`)).body.items;
  const blob = async (id: string, { blob: hash }: { blob: string }): Promise<Buffer> => {
    const response = await fetch(`${app.url}/api/sessions/${id}/blobs/${hash}`, { headers: { authorization: `Bearer ${app.key}` } });
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  };

  it('keeps a tool result of 20 MB, twice in one event, whole and once', async () => {
    const id = await run('loud', [{ tool: { bytes: 10 * MB } }, { tool: { bytes: 8 * MB } }]);
    const [small, large] = await events(id, 'tool_update');
    for (const [event, bytes] of [
      [small, 10 * MB],
      [large, 8 * MB],
    ] as const) {
      const text = 'out put\n'.repeat(bytes / 8);
      const ref = { blob: hashOf(text), size: bytes, mimeType: 'text/plain' };
      expect(event.payload).toMatchObject({
        content: [{ type: 'content', content: { type: 'text', text: ref } }],
        rawOutput: { text: ref },
      });
      expect((await blob(id, ref)).equals(Buffer.from(text))).toBe(true);
    }
    expect(await events(id, 'log')).toEqual([]);
    expect(await events(id, 'acp_update')).toEqual([]);
  });

  it('keeps a picture of 15 MB as the bytes it is, and what no type knows', async () => {
    const opaque = { sessionUpdate: 'something_new', deep: [{ er: 'x'.repeat(MB) }], many: Array.from({ length: 20_000 }, (_, n) => n) };
    const id = await run('loud', [{ image: { bytes: 15 * MB } }, { update: opaque }]);
    const [message] = await events(id, 'message');
    const { data, mimeType } = message.payload.content[0];
    expect([mimeType, data]).toEqual(['image/png', { blob: hashOf(Buffer.alloc(15 * MB, 9)), size: 15 * MB, mimeType: 'image/png' }]);
    expect((await blob(id, data)).equals(Buffer.alloc(15 * MB, 9))).toBe(true);
    const [unknown] = await events(id, 'something_new');
    expect(unknown.payload.deep).toEqual([{ er: { blob: hashOf('x'.repeat(MB)), size: MB, mimeType: 'text/plain' } }]);
    expect(JSON.parse((await blob(id, unknown.payload.many)).toString())).toEqual(opaque.many);
  });

  it('keeps a line of 5 MB that a program prints, of its output and of a record', async () => {
    const plain = await run('script', `console.log('y'.repeat(5e6)); console.error('e'.repeat(2e5)); console.log('short')`);
    const logs = (await events(plain, 'log')).map(({ payload }) => payload.text);
    expect(logs).toEqual(
      expect.arrayContaining([
        { blob: hashOf('y'.repeat(5 * MB)), size: 5 * MB, mimeType: 'text/plain' },
        { blob: hashOf('e'.repeat(200_000)), size: 200_000, mimeType: 'text/plain' },
        'short',
      ]),
    );
    const record = `say({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: 't', content: 'r'.repeat(5e6) }] } })`;
    const result = `say({ type: 'result', is_error: false })`;
    const claude = await run('claude', `const say = (each) => console.log(JSON.stringify(each)); ${record}; ${result}`);
    const [update] = await events(claude, 'tool_update');
    expect(update.payload.content[0].content.text).toEqual({ blob: hashOf('r'.repeat(5 * MB)), size: 5 * MB, mimeType: 'text/plain' });
  });

  it('streams a message of 900 KB to readers from before and in between, and stores exactly what they saw', async () => {
    const [pieces, size] = [900, 1_000];
    const go = join(database.dataDir, `go-${dialect}`);
    const prompt = JSON.stringify([{ stream: { pieces: pieces / 2, size } }, { wait: go }, { stream: { pieces: pieces / 2, size } }]);
    const { id } = (await app.call('POST', '/api/sessions', { body: { workspaceId, agent: 'loud', prompt, launch: true } })).body;
    const watch = async () => {
      const client = await WsClient.connect(app.url, { key: app.key });
      await client.request({ type: 'subscribe', sessionId: id });
      return client;
    };
    const seen = (client: WsClient) =>
      client.frames.reduce((text, frame) => {
        if (frame.type === 'snapshot') return frame.open.map((each: any) => each.text).join('');
        if (frame.type !== 'delta') return text;
        expect(frame.offset).toBe(text.length);
        return text + frame.text;
      }, '');
    const half = Array.from({ length: pieces / 2 }, (_, n) => loud.pieceOf(n, size)).join('');
    const early = await watch();
    await early.until(() => seen(early) === half, 'the first half');
    const late = await watch();
    await late.until(() => seen(late) === half, 'the first half, at once');
    writeFileSync(go, '');
    for (const client of [early, late]) {
      await client.until(() => client.events(id).some(({ type }) => type === 'message'), 'the message');
      expect(seen(client) === half + half).toBe(true);
      const [message] = client.events(id).filter(({ type }) => type === 'message');
      expect((await blob(id, message?.payload.content[0].text)).toString() === half + half).toBe(true);
      await client.close();
    }
  });
});
