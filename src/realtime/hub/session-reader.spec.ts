import fc from 'fast-check';
import { eventually } from '../../../test/support/eventually.js';
import { RealtimeLimits } from '../realtime-limits.js';
import { EPOCH, FakeLog, SESSION } from '../testing/fake-log.js';
import { FakeOutlet } from '../testing/fake-outlet.js';
import { SessionReader } from './session-reader.js';
import { SessionTopic } from './session-topic.js';

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

function setUp({ after = 0, limits = {}, types }: { after?: number; limits?: Partial<RealtimeLimits>; types?: string[] } = {}) {
  const bounds = Object.assign(new RealtimeLimits(), limits);
  const log = new FakeLog();
  const topic = new SessionTopic({ sessionId: SESSION, epoch: EPOCH }, bounds, () => undefined);
  const outlet = new FakeOutlet(bounds);
  const ends = { ended: 0, failures: [] as unknown[] };
  const reader = new SessionReader(topic, log, outlet, {
    after,
    deltas: true,
    ...(types ? { types: new Set(types) } : {}),
    onEnd: () => void ends.ended++,
    onFailure: (error) => void ends.failures.push(error),
  });
  const sent = () => outlet.frames.flatMap(({ type, events }) => (type === 'events' ? events : [])).map(({ seq }) => seq as number);
  const isChained = () => {
    let last = after;
    return outlet.frames
      .filter(({ type }) => type === 'events')
      .every(({ prev, cursor }) => {
        const follows = prev === last;
        last = Number(cursor.split('.')[1]);
        return follows;
      });
  };
  const live = () => eventually(() => outlet.types().includes('caught_up'));
  const delta = (offset: number, text: string, blockId = 'b') =>
    topic.hearDelta({ sessionId: SESSION, turn: 1, blockId, kind: 'message', offset, text });
  const openText = (text: string, blockId = 'b') => (log.open = [{ sessionId: SESSION, turn: 1, blockId, kind: 'message', text }]);
  return { log, topic, outlet, reader, ends, sent, isChained, live, delta, openText };
}

describe('SessionReader', () => {
  it('reads the log, goes live, and splices what it heard meanwhile', async () => {
    const { log, topic, reader, sent, isChained, live } = setUp({ limits: { pageEvents: 10 } });
    log.commit(250);
    let rounds = 0;
    log.duringRead = () => {
      // A writer that is always one ahead of the reader: only what was heard can close the gap.
      if (rounds++ < 50) topic.hear(log.commit(3));
    };
    reader.start([]);
    await live();
    topic.hear(log.commit(1));
    await eventually(() => sent().length === log.events.length);
    expect(sent()).toEqual(upTo(log.events.length));
    expect(isChained()).toBe(true);
    expect(rounds).toBeLessThan(50);
  });

  it('drops what it has read before it was announced, in whole and in part', async () => {
    const { log, topic, reader, sent, isChained, live } = setUp();
    log.commit(5);
    const late = log.commit(5);
    reader.start([]);
    await live();
    topic.hear(late);
    const { events, ...rest } = log.commit(3);
    topic.hear({ ...rest, prev: 8, events: [...log.events.slice(8, 10), ...events] });
    await eventually(() => sent().length === 13);
    expect(sent()).toEqual(upTo(13));
    expect(isChained()).toBe(true);
  });

  it('is not set back by an announcement of less than it has read', async () => {
    const { log, topic, reader, sent, isChained, live } = setUp();
    const parts = [log.commit(3), log.commit(3), log.commit(3)];
    reader.start([]);
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
    const { log, topic, reader, sent, isChained } = setUp();
    log.commit(5);
    let rounds = 0;
    log.duringRead = () => {
      if (rounds++ > 0) return;
      topic.hear(log.commit(2));
      log.commit(3);
      topic.hear(log.commit(2));
    };
    reader.start([]);
    await eventually(() => sent().at(-1) === 12);
    expect(sent()).toEqual(upTo(12));
    expect(isChained()).toBe(true);
    expect(rounds).toBeGreaterThan(1);
  });

  it('reads the log where an announcement was lost or came out of order', async () => {
    const { log, topic, reader, sent, isChained, live } = setUp({ after: 2 });
    log.commit(4);
    reader.start([]);
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
        const { log, topic, outlet, reader, sent, isChained } = setUp({ limits: { liveBytes: 4_000, tailEvents: 40, coalesceMs: 1 } });
        log.commit(before);
        reader.start([]);
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
    const { log, topic, outlet, reader, sent, isChained, live, delta, openText } = setUp({ limits: { liveBytes: 5_000 } });
    reader.start([]);
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
    const { log, topic, outlet, reader, live } = setUp({ limits: { liveBytes: 1_000, stallMs: 30 } });
    reader.start([]);
    await live();
    outlet.isTaking = false;
    topic.hear(log.commit(50));
    topic.flush();
    topic.hear(log.commit(1));
    topic.flush();
    await eventually(() => outlet.isClosedAsSlow);
  });

  it('goes on with deltas exactly behind the text of the snapshot', async () => {
    const { topic, outlet, reader, live, delta, openText } = setUp();
    reader.start([{ sessionId: SESSION, turn: 1, blockId: 'b', kind: 'message', text: 'Hello' }]);
    delta(0, 'Hello');
    openText('Hello, wor');
    delta(5, ', wor');
    await live();
    delta(10, 'ld');
    openText('Hello, world');
    topic.flush();
    const text = outlet.frames
      .filter(({ type }) => type === 'delta')
      .reduce((sum, { offset, text }) => {
        expect(offset).toBe(sum.length);
        return sum + text;
      }, 'Hello');
    expect(text).toBe('Hello, world');
  });

  it('sends no delta behind the message that holds its text, also where the log knows it before the announcement', async () => {
    const { log, topic, outlet, reader, live, delta, openText } = setUp();
    openText('Hello');
    const committed = log.commit(1, { changes: { id: 'b', type: 'message', payload: '{"role":"assistant","content":[],"blockId":"b"}' } });
    reader.start(log.open);
    await live();
    delta(0, 'Hello');
    topic.hear(committed);
    log.open = [];
    topic.flush();
    expect(outlet.types()).toEqual(['events', 'caught_up']);
  });

  it('sends no delta behind its message where both were heard in the moment in which it goes live', async () => {
    const { log, topic, outlet, reader, live, delta } = setUp();
    let rounds = 0;
    log.duringRead = () => {
      if (rounds++ > 0) return;
      delta(0, 'Hello');
      topic.hear(log.commit(1, { changes: { id: 'b', type: 'message' } }));
    };
    reader.start([]);
    await live();
    topic.flush();
    expect(outlet.types()).toEqual(['events', 'caught_up']);
  });

  it('joins pieces of a burst and keeps them before the message', async () => {
    const { log, topic, outlet, reader, live, delta } = setUp();
    reader.start([]);
    await live();
    delta(0, 'a');
    delta(1, 'b');
    delta(2, 'c');
    topic.hear(log.commit(1, { changes: { id: 'b', type: 'message' } }));
    topic.flush();
    expect(outlet.frames.slice(1)).toMatchObject([
      { type: 'delta', offset: 0, text: 'abc' },
      { type: 'events', prev: 0 },
    ]);
  });

  it('keeps prev on what was sent where it sends only some types', async () => {
    const { log, topic, outlet, reader, live } = setUp({ types: ['status'] });
    log.commit(1, { changes: { type: 'status' } });
    log.commit(5);
    reader.start([]);
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
    const live = setUp();
    live.reader.start([]);
    await live.live();
    live.topic.hear(live.log.commit(1, { changes: status, ended: true }));
    live.topic.flush();
    expect(live.outlet.frames.at(-1)).toEqual({ type: 'end', sessionId: SESSION, cursor: `${EPOCH}.1`, status: 'failed' });
    expect(live.ends.ended).toBe(1);

    const behind = setUp();
    behind.log.commit(300);
    behind.topic.markEnded(300, 'stopped');
    behind.reader.start([]);
    await eventually(() => behind.ends.ended === 1);
    expect(behind.outlet.types().slice(-2)).toEqual(['caught_up', 'end']);
    expect(behind.sent()).toEqual(upTo(300));

    const gone = setUp();
    gone.log.isGone = true;
    gone.reader.start([]);
    await eventually(() => gone.ends.ended === 1);
    expect(gone.outlet.frames.at(-1)).toMatchObject({ type: 'end', status: 'deleted' });
  });

  it('asks for a new beginning when the log is numbered anew, and reports a log that can not be read', async () => {
    const anew = setUp();
    anew.reader.start([]);
    await anew.live();
    anew.topic.hear({ ...anew.log.commit(1), epoch: 'ffffffff' });
    expect(anew.outlet.frames.at(-1)).toMatchObject({ type: 'resync_required', sessionId: SESSION });
    expect(anew.ends.ended).toBe(1);

    const broken = setUp();
    broken.log.duringRead = () => {
      throw new Error('the disk is gone');
    };
    broken.reader.start([]);
    await eventually(() => broken.ends.failures.length === 1);
  });

  it('gives all live readers the same text', async () => {
    const { log, topic, outlet, reader, live } = setUp();
    const other = new FakeOutlet();
    const second = new SessionReader(topic, log, other, { after: 0, deltas: true, onEnd: () => undefined, onFailure: () => undefined });
    reader.start([]);
    second.start([]);
    await live();
    await eventually(() => other.types().includes('caught_up'));
    topic.hear(log.commit(3));
    topic.flush();
    expect(other.texts.at(-1)).toBe(outlet.texts.at(-1));
  });
});
