import { eventually } from '../../../test/support/eventually.js';
import { SYSTEM } from '../../auth/principal.types.js';
import { AppendQueue } from './append-queue.js';

describe('AppendQueue', () => {
  const setUp = () => {
    const calls: { sessionId: string; items: readonly unknown[]; finish: (error?: Error) => void }[] = [];
    const events: any = {
      append: (_principal: unknown, sessionId: string, items: readonly unknown[]) =>
        new Promise((resolve, reject) => {
          const finish = (error?: Error) => (error ? reject(error) : resolve(items.map((id) => ({ id, seq: 1, duplicate: false }))));
          calls.push({ sessionId, items, finish });
        }),
    };
    return { calls, queue: new AppendQueue(events, { now: SYSTEM }) };
  };

  it('stores those of one session in order: what comes meanwhile goes together, each gets its own results', async () => {
    const { calls, queue } = setUp();
    const answers = [queue.append('s', ['a']), queue.append('s', ['b', 'c']), queue.append('s', ['d']), queue.append('t', ['x'])];
    expect(calls.map(({ sessionId, items }) => [sessionId, items])).toEqual([
      ['s', ['a']],
      ['t', ['x']],
    ]);
    calls[0]?.finish();
    calls[1]?.finish();
    await eventually(() => calls.length === 3);
    expect(calls[2]?.items).toEqual(['b', 'c', 'd']);
    calls[2]?.finish();
    expect((await Promise.all(answers)).map((results) => results.map(({ id }) => id))).toEqual([['a'], ['b', 'c'], ['d'], ['x']]);
  });

  it('puts no more than 1,000 together, and a refusal of one group is not that of the next', async () => {
    const { calls, queue } = setUp();
    const many = Array.from({ length: 700 }, (_, index) => index);
    const answers = [many, many, many].map((items) => queue.append('s', items));
    calls[0]?.finish(new Error('overloaded'));
    await expect(answers[0]).rejects.toThrow('overloaded');
    await eventually(() => calls.length === 2);
    expect(calls[1]?.items).toHaveLength(700);
    calls[1]?.finish();
    await eventually(() => calls.length === 3);
    calls[2]?.finish();
    expect((await Promise.all(answers.slice(1))).map(({ length }) => length)).toEqual([700, 700]);
  });
});
