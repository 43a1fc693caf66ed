import type { QueryRunner } from 'typeorm';
import type { Database } from '../../src/core/database/database.js';

export interface LostCommits {
  /** How many were lost so far. */
  readonly count: number;
  stop(): void;
}

/**
 * Commits of which nobody hears: they happen, and then the connection seems to be lost. `isLost` says for each, by its number from 0 on,
 * whether it is one.
 */
export function loseCommits({ writer }: Database, isLost: (commit: number) => boolean): LostCommits {
  const create = writer.createQueryRunner.bind(writer);
  const wrapped = new Map<QueryRunner, QueryRunner['commitTransaction']>();
  let commits = 0;
  let count = 0;
  writer.createQueryRunner = (mode) => {
    const runner = create(mode);
    // SQLite has one runner for all.
    if (wrapped.has(runner)) return runner;
    const commit = runner.commitTransaction.bind(runner);
    wrapped.set(runner, commit);
    runner.commitTransaction = async () => {
      await commit();
      if (!isLost(commits++)) return;
      count += 1;
      throw new Error('Connection terminated unexpectedly');
    };
    return runner;
  };
  return {
    get count() {
      return count;
    },
    stop: () => {
      writer.createQueryRunner = create;
      for (const [runner, commit] of wrapped) runner.commitTransaction = commit;
    },
  };
}
