import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type DataSourceOptions, type EntitySchema, type MigrationInterface, type QueryRunner } from 'typeorm';
import type { DatabaseConfig } from '../../config/muster-config.js';
import { makeDirectory } from '../make-directory.js';
import { storageErrorOf } from '../errors/storage.errors.js';
import { SnakeCase } from './columns.js';
import type { Dialect } from './dialect.js';
import { durabilityCheck, WeakDurabilityError } from './durability.js';
import type { WalSync } from './wal-sync.js';

export interface Schema {
  readonly entities: (dialect: Dialect) => (EntitySchema | (new () => object))[];
  readonly migrations: (new () => MigrationInterface)[];
}

/** The database could not be reached in the time allowed. */
export class DatabaseUnreachableError extends Error {
  override readonly name = 'DatabaseUnreachableError';
}

export const dialectOf = (config: DatabaseConfig): Dialect => config.kind;

export interface SourceOptions {
  readonly access?: 'write' | 'read';
  /** Hears of a setting of PostgreSQL that is weak and allowed to be. */
  readonly onWeak?: (name: string, value: string) => void;
  /** SQLite: NORMAL only where a {@link WalSync} follows each commit. */
  readonly synchronous?: 'FULL' | 'NORMAL';
}

export function dataSourceOptions(
  config: DatabaseConfig,
  schema: Schema,
  { access = 'write', onWeak = () => undefined, synchronous = 'FULL' }: SourceOptions = {},
): DataSourceOptions {
  const common = {
    name: 'muster',
    entities: schema.entities(config.kind),
    migrations: schema.migrations,
    migrationsTransactionMode: 'each',
    namingStrategy: new SnakeCase(),
    synchronize: false,
    logging: false,
  } as const;
  if (config.kind === 'postgres')
    return {
      ...common,
      type: 'postgres',
      url: config.url,
      applicationName: 'muster',
      extra: {
        max: config.poolSize,
        connectionTimeoutMillis: 10_000,
        // A peer that is gone without a word is noticed.
        keepAlive: true,
        keepAliveInitialDelayMillis: 10_000,
        verify: verifying(durabilityCheck(config.allowWeak, onWeak)),
      },
    };
  return {
    ...common,
    type: 'better-sqlite3',
    database: config.file,
    readonly: access === 'read',
    timeout: 5_000,
    enableWAL: access === 'write',
    prepareDatabase: (db: { pragma(text: string): unknown }) => {
      db.pragma(`synchronous = ${synchronous}`);
      // A write-ahead log that once grew (a long read held it) becomes a small file again: 64 MiB.
      db.pragma('journal_size_limit = 67108864');
    },
  };
}

/** pg-pool hands out no new connection before it has called back. */
function verifying<C>(check: (connection: C) => Promise<void>) {
  return (connection: C, done: (error?: unknown) => void): void => {
    check(connection).then(() => done(), done);
  };
}

const RETRY_MS = 500;

/** Connects, and tries again while the database is not there, for `connectTimeoutMs`. @throws DatabaseUnreachableError */
export async function connect(
  config: DatabaseConfig,
  options: DataSourceOptions,
  onRetry: (reason: string) => void,
  sync?: WalSync,
): Promise<DataSource> {
  if (config.kind === 'sqlite') makeDirectory(dirname(config.file));
  const attempts = Math.max(1, Math.ceil(config.connectTimeoutMs / RETRY_MS));
  for (let attempt = 1; ; attempt++) {
    try {
      const source = new DataSource(options);
      attendQueries(source, sync);
      return await source.initialize();
    } catch (error) {
      const weak = weaknessOf(error);
      if (weak) throw weak;
      const reason = error instanceof Error ? reasonOf(error) : String(error);
      const passing = config.kind === 'postgres' && !isFinal(error);
      if (!passing || attempt >= attempts)
        throw new DatabaseUnreachableError(
          `The database ${nameOf(config)} cannot be used: ${reason}. Is it running, and is MUSTER_DATABASE_URL right?`,
          {
            cause: error,
          },
        );
      if (attempt === 1 || attempt % 10 === 0) onRetry(`waiting for the database ${nameOf(config)}: ${reason}`);
      await sleep(RETRY_MS);
    }
  }
}

/** Whatever runs a statement hears of failures around the database in our words, and where there is a `sync`, reads only what is on the disk. */
function attendQueries({ driver }: DataSource, sync: WalSync | undefined): void {
  const create = driver.createQueryRunner.bind(driver);
  const known = new WeakSet<QueryRunner>();
  driver.createQueryRunner = (mode) => {
    const runner = create(mode);
    // SQLite has one runner for all.
    if (known.has(runner)) return runner;
    known.add(runner);
    // eslint-disable-next-line @typescript-eslint/unbound-method -- the proxy hands `this` on
    runner.query = new Proxy(runner.query, {
      apply: async (query, self: unknown, parameters: Parameters<QueryRunner['query']>): Promise<unknown> => {
        try {
          const result: unknown = await Reflect.apply(query, self, parameters);
          await sync?.pending;
          return result;
        } catch (error) {
          throw storageErrorOf(error) ?? error;
        }
      },
    });
    return runner;
  };
}

const weaknessOf = (error: unknown): WeakDurabilityError | undefined =>
  error instanceof WeakDurabilityError ? error : error instanceof Error && error.cause !== undefined ? weaknessOf(error.cause) : undefined;

/** For people: no user, no password. */
function nameOf(config: DatabaseConfig): string {
  if (config.kind === 'sqlite') return config.file;
  if (!URL.canParse(config.url)) return 'in MUSTER_DATABASE_URL';
  const url = new URL(config.url);
  return `${url.host || 'localhost'}${url.pathname}`;
}

function reasonOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message;
}

/** Wrong password (28…), no such database (3D000): waiting will not help. */
function isFinal(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(28|3D)/.test(code);
}
