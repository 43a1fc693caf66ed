import { Tail } from './tail.js';

describe('Tail', () => {
  it('knows nothing at first', () => {
    const tail = new Tail<string>(3, 100);
    expect([tail.end, tail.after(0)]).toEqual([undefined, undefined]);
  });

  it('gives what is behind a number, and nothing where the oldest of it is gone', () => {
    const tail = new Tail<string>(3, 100);
    for (const seq of [5, 6, 7, 8]) tail.push(seq, `e${seq}`, 1);
    expect(tail.end).toBe(8);
    expect(tail.after(8)).toEqual([]);
    expect(tail.after(6)).toEqual(['e7', 'e8']);
    expect(tail.after(5)).toEqual(['e6', 'e7', 'e8']);
    expect(tail.after(4)).toBeUndefined();
  });

  it('is bounded by bytes too, and may be empty', () => {
    const tail = new Tail<string>(10, 10);
    tail.push(1, 'a', 6);
    tail.push(2, 'b', 6);
    expect(tail.after(1)).toEqual(['b']);
    tail.push(3, 'c', 20);
    expect([tail.end, tail.after(3), tail.after(2)]).toEqual([3, [], undefined]);
    tail.reset(9);
    expect([tail.end, tail.after(9), tail.after(3)]).toEqual([9, [], undefined]);
  });
});
