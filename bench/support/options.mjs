import { tmpdir } from 'node:os';
import { join } from 'node:path';

const USAGE = `npm run build && npm run bench [-- options]

  --only append,replay   only these rows (see --list)
  --list                 what there is
  --database sqlite      sqlite, postgres or both; postgres where MUSTER_TEST_POSTGRES_URL is set
  --quick                shorter rounds, fewer of them: for a look, not for a claim
  --rounds 5             how often each pair of measurements is repeated
  --seconds 3            how long one of them takes
  --type message         type of the events: message, log, tool_update
  --rows 10000000        rows of the large log
  --profile DIR          write a V8 CPU profile of each server there, and say what took longest
  --json FILE            where the figures are written (default: in the temporary directory)`;

function value(name) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}
const has = (name) => process.argv.includes(`--${name}`);

function databasesOf(wanted, url) {
  if (wanted === undefined) return url ? ['sqlite', 'postgres'] : ['sqlite'];
  const databases = wanted === 'both' ? ['sqlite', 'postgres'] : [wanted];
  if (databases.some((each) => each !== 'sqlite' && each !== 'postgres')) throw new Error(`--database: ${wanted}\n\n${USAGE}`);
  if (databases.includes('postgres') && !url) throw new Error('--database postgres needs MUSTER_TEST_POSTGRES_URL.');
  return databases;
}

export function readOptions() {
  if (has('help')) {
    console.log(USAGE);
    process.exit(0);
  }
  const isQuick = has('quick');
  const postgresUrl = process.env.MUSTER_TEST_POSTGRES_URL;
  return {
    only: value('only')?.split(','),
    isList: has('list'),
    isQuick,
    databases: databasesOf(value('database'), postgresUrl),
    postgresUrl,
    rounds: Number(value('rounds') ?? (isQuick ? 2 : 5)),
    seconds: Number(value('seconds') ?? (isQuick ? 1.5 : 3)),
    type: value('type') ?? 'message',
    rows: Number(value('rows') ?? (isQuick ? 200_000 : 10_000_000)),
    profileDir: value('profile'),
    json: value('json') ?? join(tmpdir(), 'muster-bench.json'),
  };
}
