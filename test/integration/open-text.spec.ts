import { Clock } from '../../src/core/clock.js';
import { UnitOfWork } from '../../src/core/database/unit-of-work.js';
import { newId } from '../../src/core/ids.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { OpenBlocks } from '../../src/events/open-blocks.service.js';
import { OpenBlocksStore } from '../../src/events/persistence/open-blocks.store.js';
import { DIALECTS } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { startKernel } from '../support/kernel.js';

describe.each(DIALECTS)('streaming text that is not an event yet, on %s', (dialect) => {
  let kernel: Awaited<ReturnType<typeof startKernel>>;
  let log: EventLog;
  let unit: UnitOfWork;
  let store: OpenBlocksStore;

  beforeAll(async () => {
    kernel = await startKernel(dialect, [EventLogModule]);
    log = kernel.module.get(EventLog);
    unit = kernel.module.get(UnitOfWork);
    store = kernel.module.get(OpenBlocksStore);
  });
  afterAll(() => kernel.stop());

  /** One life of a server, as far as open text is concerned. */
  const life = (over: UnitOfWork = unit) => new OpenBlocks(log, store, over, kernel.module.get(Clock));
  const openLog = async () => {
    const sessionId = newId();
    await unit.run((work) => log.open(work, sessionId));
    return sessionId;
  };
  const saved = async (sessionId: string) => (await store.all()).filter((each) => each.sessionId === sessionId);
  const payloads = async (sessionId: string) =>
    (await log.read(sessionId, { after: 0, limit: 100 })).map(({ payload }) => JSON.parse(payload ?? 'null'));
  const piece = (sessionId: string, blockId: string, text: string, kind: 'message' | 'thought' = 'message') => ({
    sessionId,
    blockId,
    turn: 1,
    kind,
    text,
  });

  it('is saved by itself within a second or so, and survives to the letter, with what no column of text can hold', async () => {
    const sessionId = await openLog();
    const blocks = life();
    // The other half of the pair has not come when the server dies.
    const text = '"quoted" \\ \u0000 語 \ud83d';
    blocks.write(piece(sessionId, 'b', text));
    blocks.write(piece(sessionId, 't', '5', 'thought'));
    await eventually(async () => (await saved(sessionId)).length === 2);
    await life().recover();
    expect(await payloads(sessionId)).toEqual([
      { role: 'assistant', content: [{ type: 'text', text }], blockId: 'b', truncated: true },
      { content: [{ type: 'text', text: '5' }], blockId: 't', truncated: true },
    ]);
    expect(await saved(sessionId)).toEqual([]);
  });

  it('is saved again where saving failed, though nothing more is said', async () => {
    const sessionId = await openLog();
    const real = kernel.module.get(UnitOfWork);
    let failures = 0;
    const failing = Object.create(real, {
      run: {
        value: (body: Parameters<UnitOfWork['run']>[0]) =>
          real.run(async (work) => {
            const result = await body(work);
            if (failures++ < 1) throw new Error('the database is gone');
            return result;
          }),
      },
    });
    const blocks = life(failing);
    blocks.write(piece(sessionId, 'b', 'said once'));
    await eventually(async () => (await saved(sessionId))[0]?.text === 'said once');
    expect(failures).toBeGreaterThan(1);
    await blocks.onModuleDestroy();
  });

  it('is stored once where the server died between the message and the forgetting of its text', async () => {
    const sessionId = await openLog();
    const whole = { role: 'assistant' as const, content: [{ type: 'text' as const, text: 'all of it' }], blockId: 'b' };
    await log.appendOne(sessionId, { id: 'b', type: 'message', source: 'acp', actor: 'a', payload: whole });
    // As a save would leave it that was under way meanwhile, in this life or before.
    const late = { ...piece(sessionId, 'b', 'all'), startedAt: new Date().toISOString() };
    await unit.run((work) => store.save(work, [late, { ...late, sessionId: newId() }]));
    await life().recover();
    expect(await payloads(sessionId)).toEqual([whole]);
    expect(await store.all()).toEqual([]);
  });

  it('keeps no server from starting, whatever a row holds', async () => {
    const sessionId = await openLog();
    await unit.run((work) =>
      work.query('insert into open_blocks (session_id, block_id, turn, kind, body, started_at) values (?, ?, ?, ?, ?, ?)', [
        sessionId,
        'b',
        1,
        'message',
        'no JSON at all',
        new Date().toISOString(),
      ]),
    );
    await life().recover();
    expect((await payloads(sessionId))[0].content).toEqual([{ type: 'text', text: 'no JSON at all' }]);
  });

  it('goes out in pieces that never part a pair', async () => {
    const sessionId = await openLog();
    const blocks = life();
    const deltas: { offset: number; text: string }[] = [];
    blocks.onDelta((each) => deltas.push(each));
    const text = `x${'🙂'.repeat(30_000)}`;
    blocks.write(piece(sessionId, 'b', text));
    expect(deltas.length).toBeGreaterThan(3);
    expect(deltas.every((each) => each.text.isWellFormed() && each.text.length <= 16 * 1024)).toBe(true);
    expect(deltas.map((each) => each.text).join('') === text).toBe(true);
    await blocks.onModuleDestroy();
    await life().recover();
  });
});
