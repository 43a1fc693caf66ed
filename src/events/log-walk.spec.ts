import { type Pace, walk } from './log-walk.js';

const pace: Pace = { window: 10, growth: 1, enough: 20, most: 50 };
/** A log of `length` numbers in which every `nth` is wanted; notes which windows were read. */
function log(length: number, nth: number, isBackward = false) {
  const windows: [number, number][] = [];
  const read = (from: number, to: number, limit: number) => {
    windows.push([from, to]);
    const all = Array.from({ length: to - from + 1 }, (_, index) => ({ seq: from + index })).filter(({ seq }) => seq % nth === 0);
    return Promise.resolve((isBackward ? all.reverse() : all).slice(0, limit));
  };
  return { read, windows, stretch: { first: 1, last: length, isBackward, limit: 3 } };
}

describe('walking through a log', () => {
  it('stops with the first page, and says where', async () => {
    const { stretch, read, windows } = log(1_000_000, 2);
    expect(await walk(stretch, pace, read)).toEqual({ items: [{ seq: 2 }, { seq: 4 }, { seq: 6 }], hasMore: true, edge: 6 });
    expect(windows).toEqual([[1, 10]]);
  });

  it('goes backward, and gives what it found in the order of the log', async () => {
    const { stretch, read } = log(100, 2, true);
    expect(await walk(stretch, pace, read)).toEqual({ items: [{ seq: 96 }, { seq: 98 }, { seq: 100 }], hasMore: true, edge: 96 });
  });

  it('gives a short page rather than looking on and on, and an empty one only after more', async () => {
    const few = log(1_000, 15);
    expect(await walk(few.stretch, pace, few.read)).toEqual({ items: [{ seq: 15 }], hasMore: true, edge: 20 });
    const none = log(1_000, 2_000);
    expect(await walk(none.stretch, pace, none.read)).toEqual({ items: [], hasMore: true, edge: 50 });
    const back = log(1_000, 2_000, true);
    expect(await walk(back.stretch, pace, back.read)).toEqual({ items: [], hasMore: true, edge: 951 });
  });

  it('knows the end', async () => {
    const { stretch, read } = log(7, 3);
    expect(await walk(stretch, pace, read)).toEqual({ items: [{ seq: 3 }, { seq: 6 }], hasMore: false, edge: 7 });
    expect(await walk({ ...stretch, first: 8 }, pace, read)).toEqual({ items: [], hasMore: false, edge: 7 });
  });

  it('takes larger windows where it is told to', async () => {
    const { stretch, read, windows } = log(100, 200);
    await walk(stretch, { window: 10, growth: 2, enough: Infinity, most: Infinity }, read);
    expect(windows).toEqual([[1, 10], [11, 30], [31, 70], [71, 100]]); // prettier-ignore
  });

  it.each([false, true])('comes through all of it, page by page, nothing twice (backward: %p)', async (isBackward) => {
    const { read, stretch } = log(997, 7, isBackward);
    const seen: number[] = [];
    let { first, last } = stretch;
    for (let hasMore = true; hasMore;) {
      const page = await walk({ ...stretch, first, last }, pace, read);
      ({ hasMore } = page);
      const seqs = page.items.map(({ seq }) => seq);
      if (isBackward) seen.unshift(...seqs);
      else seen.push(...seqs);
      if (isBackward) last = page.edge - 1;
      else first = page.edge + 1;
    }
    expect(seen).toEqual(Array.from({ length: 142 }, (_, index) => (index + 1) * 7));
  });
});
