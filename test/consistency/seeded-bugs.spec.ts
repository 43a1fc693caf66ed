import type { Dialect } from '../../src/core/database/dialect.js';
import { DIALECTS } from '../support/databases.js';
import { NO_CLUSTER, PostgresCluster } from '../support/postgres-cluster.js';
import { type Bug, BUGS, faultyServer, isBug } from './bugs.js';
import type { AnomalyKind } from './checker/anomaly.types.js';
import { runSchedule } from './run.js';
import { type FaultKind, makeSchedule } from './schedule.js';
import { Target } from './target.js';

/** Within so many schedules a mistake must have been found. */
const SCHEDULES = 4;
const LOAD_MS = 2_000;
/** What never goes on with a mistake is found too, and needs no long wait. */
const SETTLE_MS = 6_000;

/** Those that lie below both databases are looked for on both, the others on one. */
const ON_BOTH: readonly Bug[] = ['acknowledges-before-commit', 'numbers-outside-the-transaction'];
const dialects = DIALECTS.filter((dialect) => dialect === 'sqlite' || NO_CLUSTER === undefined);
const cases = dialects.flatMap((dialect) =>
  Object.keys(BUGS)
    .filter(isBug)
    .filter((bug) => (dialect === 'sqlite' || ON_BOTH.includes(bug)) && isPossible(dialect, BUGS[bug].faults[dialect]))
    .map((bug) => [bug, dialect] as const),
);

describe('a mistake that is built into the server', () => {
  let cluster: PostgresCluster | undefined;
  beforeAll(async () => {
    if (dialects.includes('postgres')) cluster = await PostgresCluster.create();
  });
  afterAll(() => cluster?.remove());

  it.each(cases)(
    'is found: %s, on %s',
    async (bug, dialect) => {
      const { shows, faults } = BUGS[bug];
      const found = new Set<AnomalyKind>();
      for (let seed = 1; seed <= SCHEDULES && !shows.some((kind) => found.has(kind)); seed++) {
        const schedule = makeSchedule(seed, dialect, { loadMs: LOAD_MS, kinds: faults[dialect] });
        const options = { program: faultyServer(bug), settleMs: SETTLE_MS, ...(dialect === 'postgres' && cluster ? { cluster } : {}) };
        for (const { kind } of (await runSchedule(schedule, options)).anomalies) found.add(kind);
      }
      expect(shows.filter((kind) => found.has(kind))).not.toEqual([]);
    },
    180_000,
  );
});

/** Whether the faults that make it show can be made here. */
function isPossible(dialect: Dialect, kinds: readonly FaultKind[]): boolean {
  return kinds.length === 0 || Target.kinds(dialect, kinds).length > 0;
}
