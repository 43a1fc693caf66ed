import { Database } from '../../src/core/database/database.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { newId } from '../../src/core/ids.js';
import { formatCursor, parseCursor } from '../../src/events/cursor.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { EventLog } from '../../src/events/event-log.service.js';
import type { CommittedEvents, EventDraft } from '../../src/events/event-log.types.js';
import { OpenBlocks } from '../../src/events/open-blocks.service.js';
import { DIALECTS } from '../support/databases.js';
import { startKernel } from '../support/kernel.js';

const draft = (text: string, id?: string): EventDraft => ({
  id,
  type: 'log',
  source: 'api',
  actor: 'test',
  payload: { level: 'info', text },
});

describe.each(DIALECTS)('the event log on %s', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let log: EventLog;
  let unit: UnitOfWork;
  let blocks: OpenBlocks;

  beforeAll(async () => {
    kernel = await startKernel(dialect, [EventLogModule]);
    log = kernel.module.get(EventLog);
    unit = kernel.module.get(UnitOfWork);
    blocks = kernel.module.get(OpenBlocks);
  });
  afterAll(() => kernel.stop());

  const openLog = async () => {
    const sessionId = newId();
    await unit.run((work) => log.open(work, sessionId));
    return sessionId;
  };
  const seqs = async (sessionId: string) => (await log.read(sessionId, { after: 0, limit: 100_000 })).map(({ seq }) => seq);
  const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

  it('numbers 1..n without gaps, whoever appends at once', async () => {
    const [a, b] = [await openLog(), await openLog()];
    const heard: CommittedEvents[] = [];
    const stop = log.onCommitted((each) => heard.push(each));
    const results = await Promise.all(
      Array.from({ length: 400 }, (_, index) => log.append(index % 3 ? a : b, [draft(`${index}.1`), draft(`${index}.2`)])),
    );
    stop();
    expect(results.flat().every((each) => each.ok)).toBe(true);
    for (const sessionId of [a, b]) {
      const numbers = await seqs(sessionId);
      expect(numbers).toEqual(upTo(numbers.length));
      const told = heard.filter((each) => each.sessionId === sessionId);
      expect(told.flatMap(({ events }) => events.map(({ seq }) => seq))).toEqual(numbers);
      told.forEach(({ prev, events }) => expect(events[0]?.seq).toBe(prev + 1));
    }
    expect((await seqs(a)).length + (await seqs(b)).length).toBe(800);
  });

  it('appends the same id once: the first number again, or a conflict where the content differs', async () => {
    const sessionId = await openLog();
    const first = await log.appendOne(sessionId, draft('x', 'e1'));
    expect(await log.appendOne(sessionId, { ...draft('x', 'e1'), occurredAt: '2020-01-01T00:00:00Z' })).toEqual({
      ...first,
      duplicate: true,
    });
    await expect(log.appendOne(sessionId, draft('y', 'e1'))).rejects.toMatchObject({ code: 'event_conflict' });
    const [one, two] = await log.append(sessionId, [draft('z', 'e2'), draft('z', 'e2')]);
    expect([one, two]).toMatchObject([
      { ok: true, value: { seq: 2, duplicate: false } },
      { ok: true, value: { seq: 2, duplicate: true } },
    ]);
    const racing = await Promise.all(upTo(20).map(() => log.appendOne(sessionId, draft('race', 'e3'))));
    expect(racing.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(racing.map(({ seq }) => seq))).toEqual(new Set([3]));
  });

  it('takes the good items of a batch and says what is wrong with the others', async () => {
    const sessionId = await openLog();
    const results = await log.append(sessionId, [
      draft('good'),
      { ...draft('bad'), payload: { level: 'shout', text: 1 } },
      { ...draft('bad'), type: '1 bad type' },
      { ...draft('own'), type: 'my.type', payload: { anything: ['goes', null, '\u0000'] } },
    ]);
    expect(results).toMatchObject([
      { ok: true, value: { seq: 1 } },
      { ok: false, error: { code: 'invalid_event', message: expect.stringContaining('payload.level') } },
      { ok: false, error: { code: 'invalid_event' } },
      { ok: true, value: { seq: 2 } },
    ]);
    expect((await log.read(sessionId, { after: 1, limit: 10 }))[0]).toMatchObject({
      type: 'my.type',
      payload: '{"anything":["goes",null,"\\u0000"]}',
    });
  });

  it('accepts nothing more once it has ended, but tells duplicates still', async () => {
    const sessionId = await openLog();
    const last = await log.appendOne(sessionId, draft('last', 'l'));
    await unit.run((work) => log.appendIn(work, sessionId, [draft('end')], { ends: true }));
    await expect(log.appendOne(sessionId, draft('late'))).rejects.toMatchObject({ code: 'session_ended' });
    expect(await log.appendOne(sessionId, draft('last', 'l'))).toEqual({ ...last, duplicate: true });
    expect(await log.head(sessionId)).toMatchObject({ lastSeq: 2, ended: true });
  });

  it('tells nothing of a unit that rolls back, and reuses its numbers', async () => {
    const sessionId = await openLog();
    const heard: CommittedEvents[] = [];
    const stop = log.onCommitted((each) => heard.push(each));
    await expect(
      unit.run(async (work) => {
        await log.appendIn(work, sessionId, [draft('gone')]);
        throw new Error('rolls back');
      }),
    ).rejects.toThrow('rolls back');
    stop();
    expect(heard).toEqual([]);
    expect(await log.appendOne(sessionId, draft('kept'))).toMatchObject({ seq: 1 });
  });

  it('refuses an unknown session without refusing the others of the same flush', async () => {
    const sessionId = await openLog();
    const [unknown, known] = await Promise.allSettled([log.appendOne('nobody', draft('x')), log.appendOne(sessionId, draft('x'))]);
    expect(unknown).toMatchObject({ status: 'rejected', reason: { code: 'session_not_found' } });
    expect(known).toMatchObject({ status: 'fulfilled', value: { seq: 1 } });
  });

  it('lets what can not be written fail alone', async () => {
    const [sessionId, other] = [await openLog(), await openLog()];
    const half = { ...draft('x'), id: '\ud800' };
    await expect(log.appendOne(sessionId, half)).rejects.toMatchObject({ code: 'invalid_event' });
    await expect(
      log.appendOne(sessionId, { ...draft('x'), payload: { level: 'info', text: 'x', number: Infinity } }),
    ).rejects.toMatchObject({
      code: 'invalid_event',
    });
    // What slips through every check breaks the statement on PostgreSQL; the others of its flush are stored all the same.
    const [bad, good] = await Promise.allSettled([
      log.appendOne(sessionId, { ...draft('x'), actor: 'a'.repeat(200) + '\u0000' }),
      log.appendOne(other, draft('y')),
    ]);
    expect(bad.status).toBe(dialect === 'postgres' ? 'rejected' : 'fulfilled');
    expect(good).toMatchObject({ status: 'fulfilled', value: { seq: 1 } });
  });

  it('knows the cursors it can read on from', async () => {
    const sessionId = await openLog();
    await log.append(
      sessionId,
      upTo(5).map((n) => draft(String(n))),
    );
    const head = await log.head(sessionId);
    for (const good of ['0', formatCursor(head.epoch, 0), formatCursor(head.epoch, 5)])
      expect(() => log.assertReadable(head, parseCursor(good))).not.toThrow();
    for (const bad of [formatCursor('00000000', 1), formatCursor(head.epoch, 6)])
      expect(() => log.assertReadable(head, parseCursor(bad))).toThrow(
        expect.objectContaining({
          code: 'resync_required',
          details: expect.objectContaining({ context: expect.objectContaining({ earliest: formatCursor(head.epoch, 0) }) }),
        }),
      );
    expect(() => log.assertReadable({ ...head, earliestSeq: 4 }, parseCursor(formatCursor(head.epoch, 2)))).toThrow(
      expect.objectContaining({ code: 'resync_required' }),
    );
    expect(() => parseCursor('nonsense')).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });

  it('keeps open text, closes it with its message, and makes a truncated message of what a crash leaves', async () => {
    const sessionId = await openLog();
    const piece = (text: string, blockId: string) => ({ sessionId, blockId, turn: 1, kind: 'message' as const, text });
    const deltas: unknown[] = [];
    const stop = blocks.onDelta((delta) => deltas.push(delta));
    blocks.write(piece('Hel', 'b1'));
    blocks.write(piece('lo', 'b1'));
    blocks.write(piece('lost', 'b2'));
    stop();
    expect(deltas).toMatchObject([
      { offset: 0, text: 'Hel' },
      { offset: 3, text: 'lo' },
      { offset: 0, text: 'lost' },
    ]);
    expect(blocks.of(sessionId)).toMatchObject([
      { blockId: 'b1', text: 'Hello' },
      { blockId: 'b2', text: 'lost' },
    ]);
    await blocks.onModuleDestroy(); // saves
    const rows = () =>
      kernel.module
        .get(Database)
        .query<{ block_id: string }>('select block_id from open_blocks where session_id = ? order by block_id', [sessionId]);
    expect(await rows()).toEqual([{ block_id: 'b1' }, { block_id: 'b2' }]);
    await log.appendOne(sessionId, {
      id: 'b1',
      type: 'message',
      source: 'acp',
      actor: 'a',
      payload: { role: 'assistant', content: [{ type: 'text', text: 'Hello' }], blockId: 'b1' },
    });
    expect(blocks.of(sessionId)).toMatchObject([{ blockId: 'b2' }]);
    expect(await rows()).toEqual([{ block_id: 'b2' }]);

    const after = new OpenBlocks(log, kernel.module.get<OpenBlocks>(OpenBlocks)['store'], unit, kernel.module.get(OpenBlocks)['clock']);
    await after.recover();
    expect(await rows()).toEqual([]);
    const [, truncated] = await log.read(sessionId, { after: 0, limit: 10 });
    expect(JSON.parse(truncated?.payload ?? '')).toEqual({
      role: 'assistant',
      content: [{ type: 'text', text: 'lost' }],
      blockId: 'b2',
      truncated: true,
    });
    await after.recover();
    expect(await seqs(sessionId)).toEqual([1, 2]);
  });
});
