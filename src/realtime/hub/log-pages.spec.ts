import { eventually } from '../../../test/support/eventually.js';
import { FakeOutlet } from '../testing/fake-outlet.js';
import { stage, upTo } from '../testing/stage.js';
import { PageCache } from './page-cache.js';

describe('LogPages', () => {
  it('reads a page once for all that come back at the same time, and the next one while it is sent', async () => {
    const { log, topic, join, sent, live } = stage({ limits: { pageEvents: 10 } });
    log.commit(95);
    const outlets = Array.from({ length: 20 }, () => new FakeOutlet());
    outlets.forEach((outlet, index) => join(outlet, 30 + (index % 4)).start([]));
    await Promise.all(outlets.map((outlet) => live(outlet)));
    outlets.forEach((outlet, index) => expect(sent(outlet)).toEqual(upTo(95, 31 + (index % 4))));
    expect(log.reads).toBe(7);
    // The last page grows: what was read of it is not taken for all of it.
    log.commit(3);
    topic.note(98);
    topic.readers.forEach((reader) => reader.catchUpTo(98));
    await eventually(() => outlets.every((outlet) => sent(outlet).at(-1) === 98));
    expect(log.reads).toBe(8);
  });

  it('reads shorter pages where events are large', async () => {
    const { log, start, sent, live } = stage({ limits: { pageBytes: 10_000 } });
    log.commit(600, { changes: { payload: JSON.stringify({ level: 'info', text: 'x'.repeat(500) }) } });
    const limits: number[] = [];
    const read = log.read.bind(log);
    log.read = (after, limit) => (limits.push(limit), read(after, limit));
    start();
    await live();
    expect(sent()).toEqual(upTo(600));
    expect(limits[0]).toBe(128);
    expect(limits.at(-1)).toBeLessThanOrEqual(16);
  });
});

describe('PageCache', () => {
  it('keeps what is used, within its bytes, and lets go of what nobody wants any more', () => {
    const cache = new PageCache<string>(100);
    cache.put('a', 'A', 40);
    cache.put('b', 'B', 40);
    cache.get('a');
    cache.put('c', 'C', 40);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual(['A', undefined, 'C']);
    cache.sweep();
    cache.get('c');
    cache.sweep();
    expect([cache.get('a'), cache.get('c'), cache.size]).toEqual([undefined, 'C', 1]);
    cache.put('c', 'D', 90);
    cache.put('e', 'E', 200);
    expect([cache.get('c'), cache.get('e'), cache.size]).toEqual([undefined, undefined, 0]);
    cache.put('f', 'F', 100);
    expect(cache.get('f')).toBe('F');
  });
});
