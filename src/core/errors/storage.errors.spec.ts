import { QueryFailedError } from 'typeorm';
import { InvalidInputError } from './domain.error.js';
import { problemOf } from './problem.js';
import { storageErrorOf } from './storage.errors.js';

const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

describe('storageErrorOf', () => {
  it.each([
    ['SQLITE_FULL', 507, 'storage_full'],
    ['SQLITE_IOERR_SHMSIZE', 507, 'storage_full'],
    ['53100', 507, 'storage_full'],
    ['ENOSPC', 507, 'storage_full'],
    ['EDQUOT', 507, 'storage_full'],
    ['SQLITE_IOERR_FSYNC', 503, 'storage_failed'],
    ['SQLITE_READONLY', 503, 'storage_failed'],
    ['SQLITE_READONLY_DBMOVED', 503, 'storage_failed'],
    ['SQLITE_CANTOPEN', 503, 'storage_failed'],
    ['58030', 503, 'storage_failed'],
    ['25006', 503, 'storage_failed'],
    ['EROFS', 503, 'storage_failed'],
    ['SQLITE_BUSY_SNAPSHOT', 503, 'database_unavailable'],
    ['57P01', 503, 'database_unavailable'],
    ['57P03', 503, 'database_unavailable'],
    ['08006', 503, 'database_unavailable'],
    ['53300', 503, 'database_unavailable'],
    ['40P01', 503, 'database_unavailable'],
    ['ECONNREFUSED', 503, 'database_unavailable'],
  ])('%s is a %i %s, also where TypeORM wraps it', (code, status, expected) => {
    for (const error of [withCode(code), new QueryFailedError('insert …', [], withCode(code))]) {
      const problem = problemOf(error);
      expect([problem.status, problem.code]).toEqual([status, expected]);
      expect(problem.remedy).toBeTruthy();
      expect(storageErrorOf(error)?.details.retryAfterS).toBeGreaterThan(0);
      expect(storageErrorOf(error)?.cause).toBe(error);
    }
  });

  it('knows the losses that pg gives no code', () => {
    for (const text of [
      'Connection terminated unexpectedly',
      'timeout exceeded when trying to connect',
      'Connection terminated due to connection timeout',
    ])
      expect(storageErrorOf(new Error(text))?.code).toBe('database_unavailable');
    expect(storageErrorOf(new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]))?.code).toBe('database_unavailable');
  });

  it('leaves every other error what it is: a fault of ours stays a 500', () => {
    for (const error of [
      withCode('23505'),
      withCode('SQLITE_CONSTRAINT_UNIQUE'),
      withCode('42601'),
      withCode('ENOENT'),
      new Error('no'),
      'text',
      null,
    ])
      expect(storageErrorOf(error)).toBeUndefined();
    expect(storageErrorOf(new InvalidInputError('no'))).toBeUndefined();
    expect(problemOf(withCode('23505')).status).toBe(500);
  });
});
