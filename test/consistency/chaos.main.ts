import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Dialect } from '../../src/core/database/dialect.js';
import { NO_CLUSTER, PostgresCluster } from '../support/postgres-cluster.js';
import { BUGS, faultyServer, isBug } from './bugs.js';
import { check, describeAnomalies } from './checker/check.js';
import { readHistory } from './history/recorder.js';
import { FAULT_KINDS, type FaultKind, makeSchedule } from './schedule.js';
import { type RunResult, runSchedule } from './run.js';
import { Target } from './target.js';
import { runTable, totalsTable } from './tables.js';

const USAGE = `npm run chaos -- [options]
  --seed N          the first schedule; the next ones have N+1, N+2 … (default: drawn)
  --schedules N     how many (default 1)
  --database NAME   sqlite, postgres or both (default both)
  --faults a,b      only these: ${FAULT_KINDS.join(', ')}
  --load MS         how long clients work in each (default 7000)
  --history DIR     where histories are written (default: a folder below the temporary directory)
  --check FILE      plays nothing: checks a history that was written before
  --bug NAME        a server with this mistake built in: ${Object.keys(BUGS).join(', ')}
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      schedules: { type: 'string', default: '1' },
      database: { type: 'string', default: 'both' },
      faults: { type: 'string', default: FAULT_KINDS.join(',') },
      load: { type: 'string', default: '7000' },
      history: { type: 'string', default: join(tmpdir(), `muster-chaos-${process.pid}`) },
      check: { type: 'string' },
      bug: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return (say(USAGE), 0);
  if (values.check !== undefined) return checkAgain(values.check);
  const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const databases: Dialect[] =
    values.database === 'both' ? ['sqlite', 'postgres'] : values.database === 'postgres' ? ['postgres'] : ['sqlite'];
  const kinds = FAULT_KINDS.filter((kind) => values.faults.split(',').includes(kind));
  const loadMs = Number(values.load);
  mkdirSync(values.history, { recursive: true });
  if (values.bug !== undefined && !isBug(values.bug)) throw new Error(`--bug: one of ${Object.keys(BUGS).join(', ')}`);
  const program = values.bug === undefined ? {} : { program: faultyServer(values.bug) };
  const results: RunResult[] = [];
  for (const database of databases) {
    if (database === 'postgres' && NO_CLUSTER !== undefined) {
      say(`without PostgreSQL: ${NO_CLUSTER}\n`);
      continue;
    }
    const cluster = database === 'postgres' ? await PostgresCluster.create() : undefined;
    try {
      for (let seed = first; seed < first + Number(values.schedules); seed++) {
        const historyPath = join(values.history, `${database}-${seed}.jsonl`);
        const schedule = makeSchedule(seed, database, { loadMs, kinds: Target.kinds(database, kinds) });
        const result = await runSchedule(schedule, { ...program, ...(cluster ? { cluster } : {}), historyPath });
        results.push(result);
        say(runTable(result));
        if (result.anomalies.length > 0)
          say(
            `${describeAnomalies(result.history, result.anomalies)}\n  history: ${historyPath}\n  again:   ${again(seed, database, kinds, loadMs)}\n`,
          );
      }
    } finally {
      await cluster?.remove();
    }
  }
  say(totalsTable(results));
  return results.some(({ anomalies }) => anomalies.length > 0) ? 1 : 0;
}

function checkAgain(path: string): number {
  const history = readHistory(path);
  const anomalies = check(history);
  say(anomalies.length === 0 ? `${history.length} operations, no anomaly\n` : `${describeAnomalies(history, anomalies, 50)}\n`);
  return anomalies.length === 0 ? 0 : 1;
}

const again = (seed: number, database: Dialect, kinds: readonly FaultKind[], loadMs: number): string =>
  `npm run chaos -- --seed ${seed} --database ${database} --load ${loadMs}${kinds.length < FAULT_KINDS.length ? ` --faults ${kinds.join(',') || 'none'}` : ''}`;

const say = (text: string): void => void process.stdout.write(text);

// An orderly exit takes the server and its disk along, also where nobody reads what is printed any more.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
process.stdout.on('error', () => process.exit(1));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(2);
  },
);
