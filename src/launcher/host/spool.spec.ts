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
});
