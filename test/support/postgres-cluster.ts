import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { Client } from 'pg';
import { isRequired } from './databases.js';
import { eventually } from './eventually.js';

const BIN = binDirectory();

/** Why no private cluster can be made here; `undefined` where it can. Where it is required, its absence fails the suite. */
export const NO_CLUSTER: string | undefined = reasonAgainst();
if (NO_CLUSTER !== undefined && isRequired('cluster'))
  throw new Error(`MUSTER_TEST_REQUIRE names cluster, but none can be made: ${NO_CLUSTER}.`);

/** How PostgreSQL is ended: as its administrator would, at once without a last checkpoint, or as by the kernel. */
export type ClusterEnd = 'fast' | 'immediate' | 'kill';
const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const;

/**
 * A PostgreSQL of a test's own on a free port of loopback, to be restarted, killed and set up wrongly. Its user is `postgres`, without a
 * password. It ends with the test process, however that ends; {@link remove} it in `afterAll`.
 */
export class PostgresCluster {
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly dir: string,
    readonly port: number,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** Makes one and starts it; `settings` as in `{ fsync: 'off' }`. */
  static async create(settings: Readonly<Record<string, string>> = {}): Promise<PostgresCluster> {
    if (NO_CLUSTER !== undefined) throw new Error(NO_CLUSTER);
    const dir = mkdtempSync(join(tmpdir(), 'muster-cluster-'));
    const user = postgresUser();
    if (user) chownSync(dir, user.uid, user.gid);
    const initdb = [join(BIN ?? '', 'initdb'), '-D', join(dir, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
    const [program = '', ...args] = asPostgres(initdb);
    execFileSync(program, args, { cwd: dir, stdio: 'pipe' });
    const cluster = new PostgresCluster(dir, await freePort(), settings);
    await cluster.start();
    return cluster;
  }

  /** For `MUSTER_DATABASE_URL`. */
  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves once it takes connections, after whatever recovery it needs. `more` holds for this run only. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(this.port),
      unix_socket_directories: this.dir,
      ...this.settings,
      ...more,
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const [program = '', ...args] = asPostgres([join(BIN ?? '', 'postgres'), '-D', join(this.dir, 'data'), ...flags]);
    const child = spawn(program, args, { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child = child;
    await eventually(
      async () => {
        if (!this.isRunning) throw new Error(`PostgreSQL ended:\n${this.output.slice(-2_000)}`);
        return this.query('select 1').then(
          () => true,
          () => false,
        );
      },
      Boolean,
      30_000,
    );
  }

  /** Resolves once its processes are gone. */
  async stop(how: ClusterEnd = 'fast'): Promise<void> {
    const child = this.child;
    if (!child || !this.isRunning) return;
    const backends = how === 'kill' ? await this.backends() : [];
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(SIGNALS[how]);
    for (const pid of backends) kill(pid);
    await ended;
  }

  async restart(how: ClusterEnd = 'immediate'): Promise<void> {
    await this.stop(how);
    await this.start();
  }

  async createDatabase(name: string): Promise<string> {
    await this.query(`create database ${name}`);
    return this.url(name);
  }

  /** Runs one statement over a connection of its own. */
  async query<T extends object = Record<string, unknown>>(sql: string, database = 'postgres'): Promise<T[]> {
    const client = new Client({ connectionString: this.url(database), application_name: 'muster test' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<T>(sql)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async remove(): Promise<void> {
    await this.stop('immediate');
    rmSync(this.dir, { recursive: true, force: true });
  }

  private async backends(): Promise<number[]> {
    const rows = await this.query<{ pid: number }>('select pid from pg_stat_activity').catch(() => []);
    return rows.map(({ pid }) => pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went before us.
  }
}

/** The newest installed version that has both programs: Debian keeps them out of the path. */
function binDirectory(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const candidates = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env.PATH ?? '').split(delimiter)];
  return candidates.find((dir) => existsSync(join(dir, 'initdb')) && existsSync(join(dir, 'postgres')));
}

function reasonAgainst(): string | undefined {
  if (BIN === undefined) return 'no initdb is installed';
  if (process.getuid?.() !== 0) return hasAccount() ? undefined : 'initdb runs for users with an account only';
  if (!postgresUser()) return 'PostgreSQL does not run as root, and there is no user postgres';
  return hasSetpriv() ? undefined : 'PostgreSQL does not run as root, and there is no setpriv';
}

/** Whom the server runs as, where that is not us: PostgreSQL refuses to run as root. */
export function postgresUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }).toString());
    return { uid: idOf('-u'), gid: idOf('-g') };
  } catch {
    return undefined;
  }
}

function hasAccount(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

function hasSetpriv(): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => existsSync(join(dir, 'setpriv')));
}

/** `setpriv` becomes the program, so that our signals reach it, and lets it end with us. */
function asPostgres(command: readonly string[]): string[] {
  if (!hasSetpriv()) return [...command];
  const user = postgresUser();
  const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  return ['setpriv', '--pdeathsig', 'QUIT', ...identity, ...command];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
