import { Gate } from './gate.js';

describe('Gate', () => {
  it('lets so many through at a time, in order, also behind one that fails, and the loop turn in between', async () => {
    const gate = new Gate(2);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const jobs = Array.from({ length: 50 }, (_, index) =>
      gate.run(async () => {
        order.push(index);
        most = Math.max(most, ++running);
        await Promise.resolve();
        running -= 1;
        if (index % 7 === 0) throw new Error('this one fails');
        return index;
      }),
    );
    let isTurned = false;
    setImmediate(() => (isTurned = order.length < 10));
    const settled = await Promise.allSettled(jobs);
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect([most, isTurned]).toEqual([2, true]);
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(8);
  });
});
