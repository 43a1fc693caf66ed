import { createHash } from 'node:crypto';
import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { newId } from '../../src/core/ids.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { EventLog } from '../../src/events/event-log.service.js';
import type { CommittedEvents, EventDraft } from '../../src/events/event-log.types.js';
import { OpenBlocks } from '../../src/events/open-blocks.service.js';
import { refsIn, restored } from '../../src/events/blob-restore.js';
import { BlobsStore } from '../../src/events/persistence/blobs.store.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startKernel } from '../support/kernel.js';

const K = 1024;
const hashOf = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const draft = (text: string, id?: string): EventDraft => ({
  id,
  type: 'log',
  source: 'api',
  actor: 'test',
  payload: { level: 'info', text },
});

describe.each(DIALECTS)('content that is too large for an event on %s', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let log: EventLog;
  let unit: UnitOfWork;
  let store: BlobsStore;
  let db: Database;

  beforeAll(async () => {
    kernel = await startKernel(dialect, [EventLogModule]);
    [log, unit, store, db] = [
      kernel.module.get(EventLog),
      kernel.module.get(UnitOfWork),
      kernel.module.get(BlobsStore),
      kernel.module.get(Database),
    ];
  });
  afterAll(() => kernel.stop());

  const openLog = async () => {
    const sessionId = newId();
    await unit.run((work) => log.open(work, sessionId));
    return sessionId;
  };
  const remove = (sessionId: string) => unit.run((work) => log.remove(work, sessionId));
  const payloads = async (sessionId: string) =>
    (await log.read(sessionId, { after: 0, limit: 100 })).map(({ payload }) => JSON.parse(payload ?? 'null'));
  const content = async (sessionId: string, hash: string) => {
    const facts = await store.find(sessionId, hash);
    return facts && (await store.piece(hash, 0, facts.size));
  };
  const isThere = async (hash: string) => (await db.query('select 1 from blobs where sha256 = ?', [hash])).length === 1;

  it('lies beside the log, whole, from the commit on; whoever hears of the event gets the small form', async () => {
    const sessionId = await openLog();
    const text = `${'large '.repeat(20 * K)}\u0000 語🙂`;
    const heard: CommittedEvents[] = [];
    const stop = log.onCommitted((each) => heard.push(each));
    await log.append(sessionId, [draft('small'), draft(text), draft(text)]);
    stop();
    const ref = { blob: hashOf(text), size: Buffer.byteLength(text), mimeType: 'text/plain' };
    const expected = [
      { level: 'info', text: 'small' },
      { level: 'info', text: ref },
      { level: 'info', text: ref },
    ];
    expect(await payloads(sessionId)).toEqual(expected);
    expect(heard.flatMap(({ events }) => events).map(({ payload }) => JSON.parse(payload ?? ''))).toEqual(expected);
    expect((await content(sessionId, ref.blob))?.toString()).toBe(text);
    expect((await store.piece(ref.blob, 6, 5))?.toString()).toBe('large');
  });

  it('is known again by its whole: the same id is a duplicate, or a conflict where one byte differs', async () => {
    const sessionId = await openLog();
    const text = 'x'.repeat(100 * K);
    const first = await log.appendOne(sessionId, draft(text, 'e'));
    expect(await log.appendOne(sessionId, draft(text, 'e'))).toEqual({ ...first, duplicate: true });
    await expect(log.appendOne(sessionId, draft(`${text}!`, 'e'))).rejects.toMatchObject({ code: 'event_conflict' });
    // What only resembles it when it is stored is other content still.
    await expect(
      log.appendOne(sessionId, { ...draft('', 'e'), type: 'own', payload: (await payloads(sessionId))[0] }),
    ).rejects.toMatchObject({
      code: 'event_conflict',
    });
    expect(await isThere(hashOf(`${text}!`))).toBe(false);
  });

  it('is kept once for all, is what each session says it is, and goes with the last one that holds it', async () => {
    const [a, b] = [await openLog(), await openLog()];
    const bytes = Buffer.alloc(90 * K, 7);
    const image = (mimeType: string): EventDraft => ({
      type: 'message',
      source: 'acp',
      actor: 'test',
      payload: { role: 'assistant', content: [{ type: 'image', data: bytes.toString('base64'), mimeType }] },
    });
    await log.appendOne(a, image('image/png'));
    await log.appendOne(b, image('image/gif'));
    await log.appendOne(b, draft('of b alone'.repeat(10 * K)));
    const hash = hashOf(bytes);
    expect(await store.find(a, hash)).toEqual({ sha256: hash, size: bytes.length, mimeType: 'image/png' });
    expect(await store.find(b, hash)).toEqual({ sha256: hash, size: bytes.length, mimeType: 'image/gif' });
    expect(await store.find(a, hashOf('of b alone'.repeat(10 * K)))).toBeUndefined();
    await remove(a);
    expect(await store.find(a, hash)).toBeUndefined();
    expect((await content(b, hash))?.equals(bytes)).toBe(true);
    await remove(b);
    expect(await isThere(hash)).toBe(false);
    expect(await isThere(hashOf('of b alone'.repeat(10 * K)))).toBe(false);
    expect(await store.piece(hash, 0, 1)).toBeUndefined();
  });

  it('is stored in the unit that stores the event, and gone with it', async () => {
    const sessionId = await openLog();
    const text = 'undone'.repeat(20 * K);
    await expect(
      unit.run(async (work) => {
        await log.appendIn(work, sessionId, [draft(text)]);
        throw new Error('rolls back');
      }),
    ).rejects.toThrow('rolls back');
    expect(await isThere(hashOf(text))).toBe(false);
    await unit.run((work) => log.appendIn(work, sessionId, [draft(text)]));
    expect((await content(sessionId, hashOf(text)))?.toString()).toBe(text);
  });

  it('is never lost between one who removes it and one who brings it again', async () => {
    const text = 'contested'.repeat(10 * K);
    for (let round = 0; round < 25; round++) {
      const [going, coming, third] = [await openLog(), await openLog(), await openLog()];
      await log.appendOne(going, draft(text));
      await Promise.all([
        remove(going),
        unit.run((work) => log.appendIn(work, coming, [draft('first'), draft(text)])),
        log.appendOne(third, draft(text)),
      ]);
      expect((await content(coming, hashOf(text)))?.toString()).toBe(text);
      expect((await content(third, hashOf(text)))?.toString()).toBe(text);
      await Promise.all([remove(coming), remove(third)]);
      expect(await isThere(hashOf(text))).toBe(false);
    }
  });

  it('waits for a unit under way that removes it, or links it', async () => {
    if (dialect === 'sqlite') return; // units take turns there
    const text = 'overlapping'.repeat(10 * K);
    const hash = hashOf(text);
    const steps = (order: 'remove first' | 'link first') =>
      (async () => {
        const [going, coming] = [await openLog(), await openLog()];
        await log.appendOne(going, draft(text));
        let other: Promise<unknown> = Promise.resolve();
        // The other unit stands behind a lock of ours before this one goes on.
        const waits = () =>
          eventually(
            () =>
              db.current.exit(() =>
                db.query("select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"),
              ),
            (rows) => rows.length > 0,
          );
        const append = () => unit.run((work) => log.appendIn(work, coming, [draft(text)]));
        await unit.run(async (work) => {
          if (order === 'remove first') await log.remove(work, going);
          else await log.appendIn(work, coming, [draft(text)]);
          other = db.current.exit(() => (order === 'remove first' ? append() : remove(going)));
          await waits();
        });
        await other;
        expect((await content(coming, hash))?.toString()).toBe(text);
        await remove(coming);
        expect(await isThere(hash)).toBe(false);
      })();
    await steps('remove first');
    await steps('link first');
  });

  it('comes of streaming text too', async () => {
    const sessionId = await openLog();
    const blocks = kernel.module.get(OpenBlocks);
    const text = 'streamed '.repeat(15 * K);
    const deltas: { offset: number; text: string }[] = [];
    const stop = blocks.onDelta((each) => deltas.push(each));
    blocks.write({ sessionId, blockId: 'big', turn: 1, kind: 'message', text });
    stop();
    expect(deltas.map((each) => each.text).join('')).toBe(text);
    expect(Math.max(...deltas.map((each) => each.text.length))).toBeLessThanOrEqual(16 * K);
    deltas.reduce((offset, each) => (expect(each.offset).toBe(offset), offset + each.text.length), 0);
    await blocks.onModuleDestroy(); // saves, as a crash would leave it
    const again = new OpenBlocks(log, blocks['store'], unit, blocks['clock']);
    await again.recover();
    expect(await payloads(sessionId)).toEqual([
      {
        role: 'assistant',
        content: [{ type: 'text', text: { blob: hashOf(text), size: text.length, mimeType: 'text/plain' } }],
        blockId: 'big',
        truncated: true,
      },
    ]);
    expect((await content(sessionId, hashOf(text)))?.toString()).toBe(text);
  });

  it('can be put back, where it came from, as it was', async () => {
    const sessionId = await openLog();
    const base64 = Buffer.alloc(60 * K, 5).toString('base64');
    const block = (type: string, fields: object) => ({ type: 'content', content: { type, ...fields } });
    const payloads: Record<string, unknown>[] = [
      { toolCallId: 't', rawOutput: { out: 'a'.repeat(90 * K) }, rawInput: Array.from({ length: 30_000 }, (_, n) => n) },
      {
        toolCallId: 't',
        content: [
          block('image', { data: base64, mimeType: 'image/png' }),
          block('image', { data: base64, mimeType: 'text/plain' }),
          block('image', { data: `${base64}!`, mimeType: 'image/png' }),
          block('resource', { resource: { uri: 'a:b', blob: `A${base64.slice(1)}`, mimeType: 'application/json' } }),
          block('resource', { resource: { uri: 'a:b', text: `["${'x'.repeat(70 * K)}"]`, mimeType: 'application/json' } }),
        ],
      },
      { toolCallId: 't', ...Object.fromEntries(Array.from({ length: 9_000 }, (_, n) => [`key-${n}`, n])) },
      { toolCallId: 'small' },
    ];
    const drafts = payloads.map((payload): EventDraft => ({ type: 'tool_update', source: 'api', actor: 'test', payload }));
    expect((await log.append(sessionId, drafts)).every(({ ok }) => ok)).toBe(true);
    const stored = (await log.read(sessionId, { after: 0, limit: 10 })).map(({ payload }) => payload ?? '');
    for (const [index, text] of stored.entries()) {
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * K);
      const payload = JSON.parse(text);
      const contents = new Map<string, Buffer>();
      for (const { blob } of refsIn(payload)) contents.set(blob, (await content(sessionId, blob)) ?? Buffer.alloc(0));
      expect(restored(payload, (sha256) => contents.get(sha256))).toEqual(payloads[index]);
    }
  });
});
