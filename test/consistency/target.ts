import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dialect } from '../../src/core/database/dialect.js';
import { Turns } from '../../src/core/database/turns.js';
import { PostgresCluster } from '../support/postgres-cluster.js';
import { ServerProcess } from '../support/server-process.js';
import { NO_SMALL_DISK, SmallDisk } from '../support/small-disk.js';
import { TcpProxy } from './faults/tcp-proxy.js';
import type { FaultKind } from './schedule.js';

/** Big enough for every run, small enough to be filled at once. */
const DISK_MB = 160;

export interface TargetOptions {
  readonly database: Dialect;
  /** With PostgreSQL: the cluster, which may be used by one target after the other. */
  readonly cluster?: PostgresCluster;
  /** What Node is to run instead of the built server. */
  readonly program?: readonly string[];
  readonly random: () => number;
  /** The server ended, and nobody had ended it. */
  readonly onDeath: (how: string) => void;
}

/** The server as a process, with a database and a data directory of its own, behind a proxy: all that can be broken. */
export class Target {
  private readonly turns = new Turns();
  private isMeantToRun = true;

  private constructor(
    private readonly options: TargetOptions,
    private readonly environment: Record<string, string>,
    private readonly disk: SmallDisk | undefined,
    private server: ServerProcess,
    readonly proxy: TcpProxy,
  ) {
    process.once('exit', this.abandon);
    this.watch();
  }

  static async start(options: TargetOptions): Promise<Target> {
    const disk = options.database === 'sqlite' && NO_SMALL_DISK === undefined ? SmallDisk.create(DISK_MB) : undefined;
    const dataDir = disk?.dir ?? mkdtempSync(join(tmpdir(), 'muster-chaos-'));
    const environment: Record<string, string> = {
      MUSTER_DATA_DIR: dataDir,
      MUSTER_WORKSPACE_ROOTS: dataDir,
      MUSTER_LOG_LEVEL: 'warn',
      MUSTER_SHUTDOWN_GRACE_MS: '500',
    };
    try {
      if (options.database === 'postgres') {
        if (!options.cluster) throw new Error('PostgreSQL needs a cluster');
        environment.MUSTER_DATABASE_URL = await options.cluster.createDatabase(`chaos_${randomBytes(6).toString('hex')}`);
      }
      const server = await ServerProcess.start(environment, options.program);
      return new Target(options, environment, disk, server, await TcpProxy.listen(portOf(server.url), options.random));
    } catch (error) {
      disk?.remove();
      rmSync(dataDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** The faults that are possible here. */
  static kinds(database: Dialect, kinds: readonly FaultKind[]): FaultKind[] {
    const impossible: FaultKind[] = [
      ...(database === 'sqlite' ? (['database-restart'] as const) : []),
      ...(database === 'postgres' || NO_SMALL_DISK !== undefined ? (['disk-full'] as const) : []),
    ];
    return kinds.filter((kind) => !impossible.includes(kind));
  }

  /** Through the proxy. */
  get url(): string {
    return this.proxy.url;
  }

  /** Past the proxy. */
  get directUrl(): string {
    return this.server.url;
  }

  get key(): string {
    return this.server.key;
  }

  /** What the server printed since it was last started. */
  get log(): string {
    return this.server.log;
  }

  /** One at a time does something to the process of the server: on a busy machine a start takes longer than its schedule thinks. */
  alone(act: () => Promise<void>): Promise<void> {
    return this.turns.take(act);
  }

  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.isMeantToRun = false;
    await this.server.end(signal);
  }

  async startAgain(): Promise<void> {
    this.server = await ServerProcess.start(this.environment, this.options.program);
    this.proxy.target = portOf(this.server.url);
    this.isMeantToRun = true;
    this.watch();
  }

  /** Everything stands still, and nothing is closed. */
  pause(): void {
    this.server.child.kill('SIGSTOP');
  }

  resume(): void {
    this.server.child.kill('SIGCONT');
  }

  async stopDatabase(): Promise<void> {
    await this.options.cluster?.stop('immediate');
  }

  async startDatabase(): Promise<void> {
    await this.options.cluster?.start();
  }

  fillDisk(): void {
    this.disk?.fill();
  }

  freeDisk(): void {
    this.disk?.free();
  }

  /** At once, where this process ends in the middle: neither the server nor its disk stays behind. */
  private readonly abandon = (): void => {
    this.isMeantToRun = false;
    this.server.child.kill('SIGKILL');
    this.disk?.remove();
  };

  async close(): Promise<void> {
    process.off('exit', this.abandon);
    this.resume();
    await this.stop('SIGKILL');
    await this.proxy.close();
    this.disk?.remove();
    rmSync(this.environment.MUSTER_DATA_DIR ?? '', { recursive: true, force: true });
  }

  private watch(): void {
    const { server } = this;
    server.child.once('exit', (code, signal) => {
      if (!this.isMeantToRun || this.server !== server) return;
      this.options.onDeath(`${signal ?? `exit code ${code}`}: ${server.log.slice(-1_000)}`);
      // As a supervisor would do.
      void this.startAgain().catch((error: unknown) => this.options.onDeath(`and does not start: ${String(error)}`));
    });
  }
}

const portOf = (url: string): number => Number(new URL(url).port);
