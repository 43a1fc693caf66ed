import { Clock } from '../clock.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { deferred } from '../deferred.js';
import { DomainError, InvalidInputError } from '../errors/domain.error.js';
import { Idempotency } from './idempotency.service.js';
import type { KeptAnswer, OnceRequest } from './idempotency.types.js';
import type { IdempotencyKeyEntity } from './persistence/idempotency-key.entity.js';
import type { IdempotencyKeysRepository } from './persistence/idempotency-keys.repository.js';

class BusyError extends DomainError {
  readonly code = 'busy';
  readonly kind = 'conflict';
}

/** The database is in test/e2e/idempotency.spec.ts; here are rows in memory, and time that is moved by hand. */
describe('requests that are carried out once', () => {
  let idempotency: Idempotency;
  let rows: Map<string, IdempotencyKeyEntity>;
  const request: OnceRequest = { principalId: 'p', operation: 'o', target: [], key: 'k', content: { a: 1 } };
  const answer: KeptAnswer = { status: 201, headers: {}, body: '{}' };

  beforeEach(() => {
    jest.useFakeTimers();
    rows = new Map();
    const keys = {
      find: async (id: string) => rows.get(id) ?? null,
      add: async (row: IdempotencyKeyEntity) => void rows.set(row.id, row),
    } as unknown as IdempotencyKeysRepository;
    const unit = {
      run: (body: () => Promise<unknown>) => body(),
      around: async (handler: () => Promise<unknown>, last: (result: unknown) => Promise<void>) => {
        const result = await handler();
        await last(result);
        return result;
      },
    } as unknown as UnitOfWork;
    idempotency = new Idempotency(keys, unit, new Clock());
  });
  afterEach(() => jest.useRealTimers());

  const outcomeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'done',
      (error: { code?: string; details?: unknown }) => error.code,
    );

  it('wait for an equal one for ten seconds, and are told then to come again', async () => {
    const end = deferred<KeptAnswer>();
    const first = idempotency.once(request, () => end.promise);
    let second: unknown;
    const refused = idempotency.once(request, async () => answer).catch((error: unknown) => (second = error));
    await jest.advanceTimersByTimeAsync(9_999);
    expect(second).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    await refused;
    expect(second).toMatchObject({ code: 'idempotency_in_progress', kind: 'conflict', details: { retryAfterS: 1 } });
    end.resolve(answer);
    expect((await first).isReplayed).toBe(false);
    expect((await idempotency.once(request, async () => Promise.reject(new Error('a second time')))).isReplayed).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('with other content are refused at once while the first is under way', async () => {
    const end = deferred<KeptAnswer>();
    const first = idempotency.once(request, () => end.promise);
    const other = outcomeOf(idempotency.once({ ...request, content: { a: 2 } }, async () => answer));
    expect(await other).toBe('idempotency_key_reused');
    end.resolve(answer);
    await first;
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are taken over, by one at a time, while those before fail', async () => {
    let underWay = 0;
    let most = 0;
    let failuresLeft = 3;
    const perform = async (): Promise<KeptAnswer> => {
      most = Math.max(most, ++underWay);
      await Promise.resolve();
      underWay -= 1;
      if (failuresLeft-- > 0) throw new InvalidInputError('no');
      return answer;
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => idempotency.once(request, perform)));
    expect(most).toBe(1);
    expect(outcomes.map(({ status }) => status)).toEqual([...Array(3).fill('rejected'), ...Array(7).fill('fulfilled')]);
    expect(outcomes.filter((each) => each.status === 'fulfilled' && each.value.isReplayed)).toHaveLength(6);
  });

  it('keep conflicts, and no other failure', async () => {
    const failing = (error: Error) => outcomeOf(idempotency.once(request, () => Promise.reject(error)));
    expect([await failing(new InvalidInputError('no')), await failing(new Error('a defect'))]).toEqual(['invalid_input', undefined]);
    expect(rows.size).toBe(0);
    expect(await failing(new BusyError('now', { remedy: 'wait', context: { n: 1 } }))).toBe('busy');
    expect(rows.size).toBe(1);
    const again = idempotency.once(request, async () => answer);
    await expect(again).rejects.toMatchObject({ code: 'busy', message: 'now', details: { remedy: 'wait', context: { n: 1 } } });
  });
});
