import { Spool } from './spool.js';

describe('the spool', () => {
  it('brings a refused batch again as it was, whatever arrived meanwhile', async () => {
    const spool = new Spool(() => undefined);
    const batches: number[][] = [];
    const taken: number[] = [];
    const all = new Promise<void>((done) => {
      spool.attach(async (records) => {
        batches.push(records.map(({ n }) => n));
        if (batches.length === 1) {
          spool.push({ kind: 'output', stream: 'stderr', text: 'late' });
          throw new Error('the log is not there');
        }
        taken.push(...records.map(({ n }) => n));
        if (taken.length === 3) done();
      });
    });
    for (const text of ['a', 'b']) spool.push({ kind: 'output', stream: 'stderr', text });
    await all;
    expect(batches).toEqual([[1, 2], [1, 2], [3]]);
    expect(taken).toEqual([1, 2, 3]);
  });

  it('takes no more while too many bytes wait, and hands out batches that are not too large', async () => {
    const MiB = 1024 * 1024;
    const spool = new Spool(() => undefined);
    const update = (bytes: number) => spool.push({ kind: 'update', update: null }, bytes);
    for (const bytes of [1, 20 * MiB, MiB, MiB, MiB, MiB, MiB, 8 * MiB, 1]) update(bytes);
    let hasRoom = false;
    const room = spool.room().then(() => (hasRoom = true));
    const batches: number[][] = [];
    const isFirst = () => batches.length === 1;
    await new Promise<void>((done) => {
      spool.attach(async (records) => {
        batches.push(records.map(({ n }) => n));
        if (isFirst()) expect(hasRoom).toBe(false);
        if (records.at(-1)?.n === 9) done();
      });
    });
    await room;
    expect(batches).toEqual([[1], [2], [3, 4, 5, 6], [7], [8], [9]]);
    await spool.room();
  });
});
