import { createHash } from 'node:crypto';
import { TestApp } from '../support/app.js';
import { DIALECTS } from '../support/databases.js';
import { giveKey } from '../support/principals.js';
import { serverSentEvents } from '../support/frames.js';
import { WsClient } from '../support/ws-client.js';

const K = 1024;
const hashOf = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

describe.each(DIALECTS)('content that is too large for an event, over HTTP on %s', (dialect) => {
  let app: TestApp;
  let ada: string;
  let ben: string;

  beforeAll(async () => {
    app = await TestApp.start(dialect);
    ada = (await giveKey(app, { principalId: 'user:ada' })).secret;
    ben = (await giveKey(app, { principalId: 'user:ben' })).secret;
  });
  afterAll(() => app?.close());

  const report = async (key = ada): Promise<string> =>
    (await app.call('POST', '/api/sessions', { key, body: { runtime: 'external' } })).body.id;
  const append = (sessionId: string, event: object, key = ada) =>
    app.call('POST', `/api/sessions/${sessionId}/events`, { key, body: event });
  const log = (text: string) => ({ type: 'log', payload: { level: 'info', text } });
  const get = async (
    path: string,
    { key = ada, method = 'GET', headers = {} }: { key?: string; method?: string; headers?: Record<string, string> } = {},
  ) => {
    const response = await fetch(app.url + path, { method, headers: { authorization: `Bearer ${key}`, ...headers } });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
  };
  const events = async (sessionId: string): Promise<any[]> =>
    (await app.call('GET', `/api/sessions/${sessionId}/events?limit=1000`, { key: ada })).body.items;

  it('is taken from a reporter, told small on every transport, and served whole', async () => {
    const sessionId = await report();
    const text = `${'語 and more '.repeat(10 * K)}\u0000end`;
    const event = { id: 'big', ...log(text) };
    const answer = await append(sessionId, event);
    expect(answer).toMatchObject({ status: 201, body: { duplicate: false } });
    expect(await append(sessionId, event)).toMatchObject({ status: 201, body: { seq: answer.body.seq, duplicate: true } });
    expect(await append(sessionId, { id: 'big', ...log(`${text}.`) })).toMatchObject({ status: 409, body: { code: 'event_conflict' } });
    const ref = { blob: hashOf(text), size: Buffer.byteLength(text), mimeType: 'text/plain' };

    const client = await WsClient.connect(app.url, { key: ada });
    await client.request({ type: 'subscribe', sessionId });
    await client.frame(({ type }) => type === 'caught_up');
    const stream = await fetch(`${app.url}/api/sessions/${sessionId}/events/stream?after=0`, {
      headers: { authorization: `Bearer ${ada}` },
    });
    const heard: any[] = [];
    for await (const { event: type, data } of serverSentEvents(stream.body!)) {
      if (type === 'events') heard.push(...data.events);
      if (type === 'caught_up') break;
    }
    for (const all of [await events(sessionId), client.events(sessionId), heard])
      expect(all.find(({ id }) => id === 'big')?.payload).toEqual({ level: 'info', text: ref });
    await client.close();

    const blob = await get(`/api/sessions/${sessionId}/blobs/${ref.blob}`);
    expect(blob.status).toBe(200);
    expect(blob.bytes.toString()).toBe(text);
    expect(Object.fromEntries(blob.headers)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(ref.size),
      etag: `"${ref.blob}"`,
      'cache-control': 'private, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'content-disposition': 'inline',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
    });
  });

  it('answers what browsers and downloads ask: the head, the same again, and parts', async () => {
    const sessionId = await report();
    const text = Array.from({ length: 20 * K }, (_, index) => `${index}\n`).join('');
    await append(sessionId, log(text));
    const path = `/api/sessions/${sessionId}/blobs/${hashOf(text)}`;
    const etag = `"${hashOf(text)}"`;
    const head = await get(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), head.bytes.length]).toEqual([200, String(text.length), 0]);
    const same = await get(path, { headers: { 'if-none-match': etag } });
    expect([same.status, same.headers.get('etag'), same.bytes.length]).toEqual([304, etag, 0]);
    const part = (range: string, more = {}) => get(path, { headers: { range, ...more } });
    for (const [range, expected, told] of [
      ['bytes=0-9', text.slice(0, 10), `bytes 0-9/${text.length}`],
      ['bytes=1000-1000', text.slice(1000, 1001), `bytes 1000-1000/${text.length}`],
      ['bytes=-5', text.slice(-5), `bytes ${text.length - 5}-${text.length - 1}/${text.length}`],
      [`bytes=${text.length - 3}-`, text.slice(-3), `bytes ${text.length - 3}-${text.length - 1}/${text.length}`],
    ] as const) {
      const answer = await part(range, { 'if-range': etag });
      expect([range, answer.status, answer.bytes.toString(), answer.headers.get('content-range')]).toEqual([range, 206, expected, told]);
    }
    for (const [range, more] of [
      ['bytes=0-1,5-6', {}],
      ['lines=1-2', {}],
      ['nonsense', {}],
      ['bytes=0-9', { 'if-range': '"another"' }],
    ] as const)
      expect([range, (await part(range, more)).bytes.toString() === text]).toEqual([range, true]);
    const beyond = await part(`bytes=${text.length}-`);
    expect([beyond.status, beyond.headers.get('content-range'), JSON.parse(beyond.bytes.toString()).code]).toEqual([
      416,
      `bytes */${text.length}`,
      'range_not_satisfiable',
    ]);
  });

  it('runs nothing of what is served: only what can hold no script is shown, and its type is not guessed', async () => {
    const sessionId = await report();
    const page = `<script>alert(1)</script>${' '.repeat(70 * K)}`;
    const serve = async (payload: object) => {
      await append(sessionId, { type: 'message', payload: { role: 'assistant', content: [payload] } });
      const { content } = (await events(sessionId)).at(-1).payload;
      const ref = content[0].data ?? content[0].resource.text;
      const { headers } = await get(`/api/sessions/${sessionId}/blobs/${ref.blob}`);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toMatch(/sandbox/);
      return [headers.get('content-type'), headers.get('content-disposition')];
    };
    const image = (mimeType: string, fill: number) =>
      serve({ type: 'image', data: Buffer.alloc(60 * K, fill).toString('base64'), mimeType });
    const resource = (mimeType: string, mark: string) =>
      serve({ type: 'resource', resource: { uri: 'file:///x', mimeType, text: page + mark } });
    expect(await image('image/png', 1)).toEqual(['image/png', 'inline']);
    expect(await image('image/svg+xml', 2)).toEqual(['image/svg+xml', 'attachment']);
    expect(await image('text/html', 3)).toEqual(['text/html; charset=utf-8', 'attachment']);
    expect(await image('x/y\r\nSet-Cookie: a=b', 4)).toEqual(['application/octet-stream', 'attachment']);
    expect(await resource('text/html', 'a')).toEqual(['text/html; charset=utf-8', 'attachment']);
    expect(await resource('application/xhtml+xml', 'b')).toEqual(['application/xhtml+xml', 'attachment']);
    expect(await resource('text/plain', 'c')).toEqual(['text/plain; charset=utf-8', 'inline']);
  });

  it('is had through a session that holds it, by those who may see that session', async () => {
    const [mine, other, bens] = [await report(), await report(), await report(ben)];
    const text = 'for ada only '.repeat(10 * K);
    await append(mine, log(text));
    const status = async (sessionId: string, hash: string, key: string) => {
      const { status, bytes } = await get(`/api/sessions/${sessionId}/blobs/${hash}`, { key });
      return [status, status < 300 ? '' : JSON.parse(bytes.toString()).code];
    };
    expect(await status(mine, hashOf(text), ada)).toEqual([200, '']);
    expect(await status(mine, hashOf(text), app.key)).toEqual([200, '']);
    expect(await status(mine, hashOf(text), ben)).toEqual([404, 'session_not_found']);
    expect(await status(other, hashOf(text), ada)).toEqual([404, 'blob_not_found']);
    expect(await status(bens, hashOf(text), ben)).toEqual([404, 'blob_not_found']);
    // To name a hash is not to hold the content.
    await append(bens, { type: 'own', payload: { text: { blob: hashOf(text), size: text.length, mimeType: 'text/plain' } } }, ben);
    expect(await status(bens, hashOf(text), ben)).toEqual([404, 'blob_not_found']);
    for (const hash of ['x', '%2e%2e', 'a'.repeat(64), hashOf(text).toUpperCase(), `${hashOf(text)}0`, '%00', "'or'1'='1"])
      expect([hash, (await status(mine, hash, ada))[0]]).toEqual([hash, 404]);
    const ext = (await app.call('POST', '/api/sessions', { key: ada, body: { runtime: 'external', externalId: 'by-name' } })).body.id;
    await append(ext, log(text));
    expect(await status('ext:by-name', hashOf(text), ada)).toEqual([200, '']);
    await app.call('DELETE', `/api/sessions/${mine}?force=true`, { key: ada });
    expect(await status(mine, hashOf(text), ada)).toEqual([404, 'session_not_found']);
    expect(await status(ext, hashOf(text), ada)).toEqual([200, '']);
  });

  it('keeps the bound of what a reporter may give for one event, and previews what is large', async () => {
    const sessionId = await report();
    expect(await append(sessionId, log('x'.repeat(256 * K)))).toMatchObject({ status: 400, body: { code: 'invalid_event' } });
    const text = `  \n Once upon a time ${'and then '.repeat(20 * K)}`;
    await append(sessionId, { type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text }] } });
    const session = (await app.call('GET', `/api/sessions/${sessionId}`, { key: ada })).body;
    expect(session.lastMessagePreview).toMatch(/^Once upon a time and then and then/);
    expect(session.lastMessagePreview).toHaveLength(200);
  });

  it('is made of a large prompt too, which the agent gets whole', async () => {
    const prompt = `echo ${'every word of it '.repeat(20 * K)}`;
    const session = (
      await app.call('POST', '/api/sessions', {
        key: ada,
        body: { agent: 'demo', projectDir: app.database.dataDir, prompt, launch: false },
      })
    ).body;
    const [input] = (await events(session.id)).filter(({ type }) => type === 'input');
    const { text } = input.payload.content[0];
    expect(text).toEqual({ blob: hashOf(prompt), size: prompt.length, mimeType: 'text/plain' });
    expect((await get(`/api/sessions/${session.id}/blobs/${text.blob}`)).bytes.toString()).toBe(prompt);
  });
});
