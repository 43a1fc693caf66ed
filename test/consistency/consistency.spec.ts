import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIALECTS } from '../support/databases.js';
import { NO_CLUSTER, PostgresCluster } from '../support/postgres-cluster.js';
import { describeAnomalies } from './checker/check.js';
import { readHistory } from './history/recorder.js';
import { runSchedule } from './run.js';
import { FAULT_KINDS, makeSchedule } from './schedule.js';
import { Target } from './target.js';

const IS_FULL = process.env.MUSTER_TEST_FULL === '1';
const FIRST = Number(process.env.MUSTER_TEST_SEED ?? 4_600);
const SEEDS = Array.from({ length: IS_FULL ? 20 : 1 }, (_, at) => FIRST + at);
const LOAD_MS = IS_FULL ? 7_000 : 5_000;
const HISTORIES = join(tmpdir(), 'muster-chaos');

describe.each(DIALECTS.filter((dialect) => dialect === 'sqlite' || NO_CLUSTER === undefined))(
  'histories of a server on %s that is broken in many ways',
  (dialect) => {
    let cluster: PostgresCluster | undefined;
    beforeAll(async () => {
      mkdirSync(HISTORIES, { recursive: true });
      if (dialect === 'postgres') cluster = await PostgresCluster.create();
    });
    afterAll(() => cluster?.remove());

    it.each(SEEDS)(
      'show no anomaly: seed %i',
      async (seed) => {
        const schedule = makeSchedule(seed, dialect, { loadMs: LOAD_MS, kinds: Target.kinds(dialect, FAULT_KINDS) });
        const historyPath = join(HISTORIES, `${dialect}-${seed}.jsonl`);
        const { history, anomalies, figures } = await runSchedule(schedule, { historyPath, ...(cluster ? { cluster } : {}) });
        if (anomalies.length > 0)
          throw new Error(
            `${describeAnomalies(history, anomalies)}\nThe history is ${historyPath}. Again: npm run chaos -- --seed ${seed} --database ${dialect} --load ${LOAD_MS}`,
          );
        // It was a run worth checking, and what was written down is what was checked.
        expect(figures.acknowledged).toBeGreaterThan(0);
        expect(figures.eventsRead).toBeGreaterThanOrEqual(figures.acknowledged);
        expect(Object.keys(figures.faults).length).toBeGreaterThan(1);
        expect(readHistory(historyPath)).toEqual(JSON.parse(JSON.stringify(history)));
      },
      120_000,
    );
  },
);

it('makes the same schedule of the same seed, and others of others', () => {
  const make = (seed: number) => makeSchedule(seed, 'sqlite', { loadMs: 7_000, kinds: FAULT_KINDS });
  expect(make(1)).toEqual(make(1));
  expect(make(1)).not.toEqual(make(2));
  const kinds = new Set(Array.from({ length: 50 }, (_, seed) => make(seed)).flatMap(({ lanes }) => lanes.flat().map(({ kind }) => kind)));
  expect([...kinds].sort()).toEqual([...FAULT_KINDS].sort());
});
