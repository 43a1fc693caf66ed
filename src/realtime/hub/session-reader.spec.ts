import fc from 'fast-check';
import { eventually } from '../../../test/support/eventually.js';
import { EPOCH, SESSION } from '../testing/fake-log.js';
import { FakeOutlet } from '../testing/fake-outlet.js';
import { stage, upTo } from '../testing/stage.js';

describe('SessionReader', () => {
  it('reads the log, goes live, and splices what it heard meanwhile', async () => {
    const { log, topic, sent, isChained, live, start } = stage({ limits: { pageEvents: 10 } });
    log.commit(250);
    let rounds = 0;
    log.duringRead = () => {
      // A writer that is always one ahead of the reader: only what was heard can close the gap.
      if (rounds++ < 50) topic.hear(log.commit(3));
    };
    start();
    await live();
    topic.hear(log.commit(1));
    await eventually(() => sent().length === log.events.length);
    expect(sent()).toEqual(upTo(log.events.length));
    expect(isChained()).toBe(true);
    expect(rounds).toBeLessThan(50);
  });

  it('drops what it has read before it was announced, in whole and in part', async () => {
    const { log, topic, sent, isChained, live, start } = stage();
    log.commit(5);
    const late = log.commit(5);
    start();
    await live();
    topic.hear(late);
    const { events, ...rest } = log.commit(3);
    topic.hear({ ...rest, prev: 8, events: [...log.events.slice(8, 10), ...events] });
    await eventually(() => sent().length === 13);
    expect(sent()).toEqual(upTo(13));
    expect(isChained()).toBe(true);
  });

  it('is not set back by an announcement of less than it has read', async () => {
    const { log, topic, sent, isChained, live, start } = stage();
    const parts = [log.commit(3), log.commit(3), log.commit(3)];
    start();
    await live();
    for (const part of parts) {
      topic.hear(part);
      topic.flush();
    }
    topic.hear(log.commit(1));
    topic.flush();
    expect(sent()).toEqual(upTo(10));
    expect(isChained()).toBe(true);
  });

  it('does not go live over a hole in what was heard', async () => {
    const { log, topic, sent, isChained, start } = stage();
    log.commit(5);
    let rounds = 0;
    log.duringRead = () => {
      if (rounds++ > 0) return;
      topic.hear(log.commit(2));
      log.commit(3);
      topic.hear(log.commit(2));
    };
    start();
    await eventually(() => sent().at(-1) === 12);
    expect(sent()).toEqual(upTo(12));
    expect(isChained()).toBe(true);
    expect(rounds).toBeGreaterThan(1);
  });

  it('reads the log where an announcement was lost or came out of order', async () => {
    const { log, topic, sent, isChained, live, start } = stage({ after: 2 });
    log.commit(4);
    start();
    await live();
    topic.hear(log.commit(1));
    log.commit(3);
    const third = log.commit(2);
    const fourth = log.commit(2);
    topic.hear(fourth);
    topic.hear(third);
    await eventually(() => sent().at(-1) === 12);
    expect(sent()).toEqual(upTo(12, 3));
    expect(isChained()).toBe(true);
  });

  it('gives exactly the log under any interleaving of commits, lost and swapped announcements, and slowness', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('commit' as const),
        count: fc.integer({ min: 1, max: 80 }),
        fate: fc.constantFrom('told', 'told', 'told', 'lost', 'later'),
      }),
      fc.record({
        kind: fc.constantFrom('stop' as const, 'go' as const, 'rest' as const),
        count: fc.constant(0),
        fate: fc.constant('told'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 30 }), async (steps, before) => {
        const { log, topic, outlet, reader, sent, isChained, start } = stage({
          limits: { liveBytes: 4_000, tailEvents: 40, coalesceMs: 1 },
        });
        log.commit(before);
        start();
        const later: Parameters<typeof topic.hear>[0][] = [];
        for (const { kind, count, fate } of steps) {
          if (kind === 'commit') {
            const committed = log.commit(count);
            if (fate === 'told') topic.hear(committed);
            else if (fate === 'later') later.push(committed);
          }
          if (kind === 'stop') outlet.isTaking = false;
          if (kind === 'go') {
            outlet.isTaking = true;
            outlet.take();
          }
          if (kind === 'rest') await new Promise((resolve) => setImmediate(resolve));
        }
        later.reverse().forEach((committed) => topic.hear(committed));
        outlet.isTaking = true;
        outlet.take();
        topic.hear(log.commit(1));
        await eventually(() => sent().length >= log.events.length, Boolean, 5_000);
        expect(sent()).toEqual(upTo(log.events.length));
        expect(isChained()).toBe(true);
        reader.close();
      }),
      { numRuns: 60 },
    );
  });

  it('falls back to the log when its connection is slow, says so once, and gets no deltas meanwhile', async () => {
    const { log, topic, outlet, sent, isChained, live, delta, openText, start } = stage({ limits: { liveBytes: 5_000 } });
    start();
    await live();
    outlet.isTaking = false;
    for (let round = 0; round < 20; round++) {
      topic.hear(log.commit(20));
      topic.flush();
    }
    openText('abc');
    delta(0, 'abc');
    topic.flush();
    expect(outlet.types().filter((type) => type === 'slow')).toHaveLength(1);
    expect(outlet.types()).not.toContain('delta');
    expect(outlet.buffered).toBeLessThan(20_000);
    const reads = log.reads;
    outlet.isTaking = true;
    outlet.take();
    await eventually(() => outlet.types().filter((type) => type === 'caught_up').length === 2);
    expect(log.reads).toBeGreaterThan(reads);
    expect(sent()).toEqual(upTo(400));
    expect(isChained()).toBe(true);
    expect(outlet.frames.at(-1)).toMatchObject({ type: 'delta', offset: 0, text: 'abc' });
  });

  it('closes a connection that takes nothing', async () => {
    const { log, topic, outlet, live, start } = stage({ limits: { liveBytes: 1_000, stallMs: 30 } });
    start();
    await live();
    outlet.isTaking = false;
    topic.hear(log.commit(50));
    topic.flush();
    topic.hear(log.commit(1));
    topic.flush();
    await eventually(() => outlet.isClosedAsSlow);
  });

  it('keeps prev on what was sent where it sends only some types', async () => {
    const { log, topic, outlet, live, start } = stage({ types: ['status'] });
    log.commit(1, { changes: { type: 'status' } });
    log.commit(5);
    start();
    await live();
    topic.hear(log.commit(5));
    topic.hear(log.commit(1, { changes: { type: 'status' } }));
    topic.flush();
    const frames = outlet.frames.filter(({ type }) => type === 'events');
    expect(frames).toMatchObject([
      { prev: 0, cursor: `${EPOCH}.6`, events: [{ seq: 1 }] },
      { prev: 6, cursor: `${EPOCH}.12`, events: [{ seq: 12 }] },
    ]);
  });

  it('ends behind the last event, live or behind, and when the log is deleted', async () => {
    const status = { type: 'status', payload: '{"from":"running","to":"failed"}' };
    const live = stage();
    live.start();
    await live.live();
    live.topic.hear(live.log.commit(1, { changes: status, ended: true }));
    live.topic.flush();
    expect(live.outlet.frames.at(-1)).toEqual({ type: 'end', sessionId: SESSION, cursor: `${EPOCH}.1`, status: 'failed' });
    expect(live.ends.ended).toBe(1);

    const behind = stage();
    behind.log.commit(300);
    behind.topic.markEnded(300, 'stopped');
    behind.start();
    await eventually(() => behind.ends.ended === 1);
    expect(behind.outlet.types().slice(-2)).toEqual(['caught_up', 'end']);
    expect(behind.sent()).toEqual(upTo(300));

    const gone = stage();
    gone.log.commit(1);
    gone.log.isGone = true;
    gone.start();
    await eventually(() => gone.ends.ended === 1);
    expect(gone.outlet.frames.at(-1)).toMatchObject({ type: 'end', status: 'deleted' });
  });

  it('asks for a new beginning when the log is numbered anew, live or behind', async () => {
    const { log, topic, outlet, ends, start, live, join } = stage();
    log.commit(3);
    start();
    await live();
    const behind = new FakeOutlet();
    const slow = join(behind);
    behind.hold();
    slow.start([]);
    topic.hear({ ...log.commit(1), epoch: 'ffffffff' });
    for (const { frames } of [outlet, behind])
      expect(frames.at(-1)).toEqual({ type: 'resync_required', sessionId: SESSION, reason: expect.any(String), earliest: 'ffffffff.0' });
    expect(ends.ended).toBe(2);

    const later = stage();
    later.log.commit(3);
    later.log.trim(1);
    later.log.epoch = 'eeeeeeee';
    later.start();
    await eventually(() => later.ends.ended === 1);
    expect(later.outlet.frames).toMatchObject([{ type: 'resync_required', earliest: 'eeeeeeee.1' }]);
  });

  it('asks for a new beginning when what follows was trimmed meanwhile, and for nothing where it has that already', async () => {
    const { log, outlet, ends, sent, start } = stage({ limits: { pageEvents: 10 } });
    log.commit(100);
    log.duringRead = () => log.reads === 5 && log.trim(60);
    start();
    await eventually(() => ends.ended === 1);
    expect(outlet.frames.at(-1)).toMatchObject({ type: 'resync_required', earliest: `${EPOCH}.60` });
    expect(sent().length).toBeLessThan(60);
    expect(outlet.types()).not.toContain('caught_up');

    const beyond = stage({ after: 65, limits: { pageEvents: 10 } });
    beyond.log.commit(100);
    beyond.log.trim(63);
    beyond.start();
    await beyond.live();
    expect(beyond.sent()).toEqual(upTo(100, 66));
  });

  it('tries again while the log can not be read, then reports it; a hole in it is never passed over', async () => {
    const healed = stage({ limits: { retryMs: 1 } });
    healed.log.commit(3);
    healed.log.duringRead = () => {
      if (healed.log.reads < 4) throw new Error('the database is restarting');
    };
    healed.start();
    await healed.live();
    expect([healed.sent(), healed.ends.failures]).toEqual([upTo(3), []]);

    const broken = stage({ limits: { retryMs: 1, retries: 3 } });
    broken.log.commit(1);
    broken.log.duringRead = () => {
      throw new Error('the disk is gone');
    };
    broken.start();
    await eventually(() => broken.ends.failures.length === 1);
    expect(broken.log.reads).toBe(4);

    const holed = stage({ limits: { retryMs: 1, retries: 1 } });
    holed.log.commit(20);
    holed.log.events = holed.log.events.filter(({ seq }) => seq !== 15);
    holed.start();
    await eventually(() => holed.ends.failures.length === 1);
    expect(holed.ends.failures).toEqual([expect.objectContaining({ message: expect.stringContaining('hole') })]);
    expect(holed.outlet.types()).not.toContain('caught_up');
  });

  it('gives all live readers the same text', async () => {
    const { log, topic, outlet, live, start, join } = stage();
    const other = new FakeOutlet();
    const second = join(other);
    start();
    second.start([]);
    await live();
    await eventually(() => other.types().includes('caught_up'));
    topic.hear(log.commit(3));
    topic.flush();
    expect(other.texts.at(-1)).toBe(outlet.texts.at(-1));
  });
});
