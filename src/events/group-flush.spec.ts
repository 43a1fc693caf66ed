import { deferred } from '../core/deferred.js';
import type { AppendResult } from './event-log.types.js';
import type { PreparedEvent } from './event-preparation.js';
import { LogOverloadedError } from './events.errors.js';
import { type FlushLimits, GroupFlush, type Waiting, type WriteGroup } from './group-flush.js';
import { preparedEvent } from './testing/prepared-event.js';

const LIMITS: FlushLimits = { waitingEvents: 20, waitingLength: 10_000, groupEvents: 6, groupLength: 1_000 };

const event = (id: string, length = 2): PreparedEvent => preparedEvent(id, { payload: 'x'.repeat(length) });
const events = (prefix: string, count: number, length?: number): PreparedEvent[] =>
  Array.from({ length: count }, (_, index) => event(`${prefix}${index}`, length));

/** Notes each transaction; the first waits until it is let go. */
class Store {
  readonly groups: string[][] = [];
  readonly first = deferred();
  poison: string | undefined;

  readonly write: WriteGroup = async (group) => {
    this.groups.push(group.flatMap(({ events: own }) => own.map(({ id }) => id)));
    if (this.groups.length === 1) await this.first.promise;
    if (group.some(({ events: own }) => own.some(({ id }) => id === this.poison))) throw new Error(`can't write ${this.poison}`);
    return group.map((each) => () => each.resolve(accepted(each)));
  };
}

const accepted = ({ events: own }: Waiting): AppendResult[] => own.map(({ id }) => ({ ok: true, value: { id, seq: 1, duplicate: false } }));

function flushing(limits = LIMITS, isCommon: (error: unknown) => boolean = () => false) {
  const store = new Store();
  return { store, flush: new GroupFlush(store.write, isCommon, limits) };
}

/** One transaction is under way, and everything that comes now waits. */
async function busy(limits?: FlushLimits, isCommon?: (error: unknown) => boolean) {
  const { store, flush } = flushing(limits, isCommon);
  const first = flush.add('first', events('f', 1));
  while (store.groups.length === 0) await new Promise((resolve) => setImmediate(resolve));
  return { store, flush, first };
}

describe('GroupFlush', () => {
  it('gives all that waits the next transaction', async () => {
    const { store, flush, first } = await busy();
    const others = ['a', 'b', 'c'].map((name) => flush.add(name, events(name, 1)));
    store.first.resolve();
    await Promise.all([first, ...others]);
    expect(store.groups).toEqual([['f0'], ['a0', 'b0', 'c0']]);
  });

  it('keeps the order of a session', async () => {
    const { store, flush, first } = await busy();
    const calls = ['a', 'b', 'c'].map((name) => flush.add('s', events(name, 2)));
    store.first.resolve();
    await Promise.all([first, ...calls]);
    expect(store.groups.slice(1).flat()).toEqual(['a0', 'a1', 'b0', 'b1', 'c0', 'c1']);
  });

  it('lets sessions take turns: a flood into one does not hold up the others', async () => {
    const { store, flush, first } = await busy();
    const flood = Array.from({ length: 9 }, (_, index) => flush.add('hot', [event(`hot${index}`)]));
    const late = ['a', 'b'].map((name) => flush.add(name, events(name, 1)));
    store.first.resolve();
    await Promise.all([first, ...flood, ...late]);
    expect(store.groups[1]).toEqual(['hot0', 'a0', 'b0', 'hot1', 'hot2', 'hot3']);
    expect(store.groups.flat()).toHaveLength(12);
  });

  it('serves first whom the last transaction had no room for', async () => {
    const { store, flush, first } = await busy();
    const calls = [flush.add('a', events('a', 5)), flush.add('b', events('b', 4)), flush.add('a', events('c', 5))];
    store.first.resolve();
    await Promise.all([first, ...calls]);
    expect(store.groups.slice(1).map((ids) => ids[0])).toEqual(['a0', 'b0', 'c0']);
  });

  it('bounds a transaction by the length of its payloads, but takes what alone is longer', async () => {
    const { store, flush, first } = await busy();
    const calls = [flush.add('a', events('a', 1, 900)), flush.add('b', events('b', 1, 900)), flush.add('c', events('c', 1, 2_000))];
    store.first.resolve();
    await Promise.all([first, ...calls]);
    expect(store.groups.slice(1)).toEqual([['a0'], ['b0'], ['c0']]);
  });

  it('refuses what there is no room for, whole, and takes it when there is', async () => {
    const { store, flush, first } = await busy();
    const waiting = ['a', 'b'].map((name) => flush.add(name, events(name, 9)));
    expect(() => flush.add('c', events('c', 4))).toThrow(LogOverloadedError);
    store.first.resolve();
    await Promise.all([first, ...waiting]);
    await flush.add('c', events('c', 4));
    expect(store.groups.flat().filter((id) => id.startsWith('c'))).toEqual(['c0', 'c1', 'c2', 'c3']);
  });

  it('bounds what waits by length too', async () => {
    const { store, flush, first } = await busy();
    const waiting = ['a', 'b'].map((name) => flush.add(name, events(name, 1, 4_900)));
    expect(() => flush.add('c', events('c', 1, 300))).toThrow(LogOverloadedError);
    store.first.resolve();
    await Promise.all([first, ...waiting]);
  });

  it('gives one session half of the room, so that the others find some', async () => {
    const { store, flush, first } = await busy();
    const hot = [flush.add('hot', events('x', 6)), flush.add('hot', events('y', 4))];
    expect(() => flush.add('hot', events('z', 1))).toThrow(/in this session/);
    const other = flush.add('other', events('o', 5));
    store.first.resolve();
    await Promise.all([first, ...hot, other]);
  });

  it('takes a call of any size where nothing waits', async () => {
    const { store, flush } = flushing();
    store.first.resolve();
    await expect(flush.add('a', events('a', 30))).resolves.toHaveLength(30);
  });

  it('finds the call that can not be written, and writes the others', async () => {
    const { store, flush, first } = await busy();
    store.poison = 'c0';
    const calls = ['a', 'b', 'c', 'd', 'e'].map((name) => flush.add(name, events(name, 1)));
    store.first.resolve();
    const outcomes = await Promise.allSettled(calls);
    await first;
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  });

  it('tells everybody at once of what hits everybody', async () => {
    const { store, flush, first } = await busy(LIMITS, () => true);
    store.poison = 'c0';
    const calls = ['a', 'b', 'c', 'd'].map((name) => flush.add(name, events(name, 1)));
    store.first.resolve();
    const outcomes = await Promise.allSettled(calls);
    await first;
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
    expect(store.groups).toHaveLength(2);
  });

  it('is drained when everybody was told', async () => {
    const { store, flush, first } = await busy();
    const told: string[] = [];
    void first.then(() => told.push('first'));
    void flush.add('a', events('a', 1)).then(() => told.push('a'));
    const drained = flush.drained().then(() => told.push('drained'));
    store.first.resolve();
    await drained;
    expect(told).toEqual(['first', 'a', 'drained']);
  });
});
