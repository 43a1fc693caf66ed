import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Dialect } from '../../src/core/database/dialect.js';

const POSTGRES_URL = process.env.MUSTER_TEST_POSTGRES_URL;

/** Both databases where PostgreSQL is at hand; SQLite always. A required database that is missing fails the suite. */
export const DIALECTS: Dialect[] = POSTGRES_URL ? ['sqlite', 'postgres'] : ['sqlite'];
if (!POSTGRES_URL && isRequired('postgres'))
  throw new Error('MUSTER_TEST_REQUIRE names postgres, but MUSTER_TEST_POSTGRES_URL is not set.');

/** Whether a missing `what` is a failure and not a skip. */
export function isRequired(what: string): boolean {
  return (process.env.MUSTER_TEST_REQUIRE ?? '').split(/[\s,]+/).includes(what);
}

export interface TestDatabase {
  readonly dialect: Dialect;
  readonly dataDir: string;
  /** `MUSTER_*` variables that point to it. */
  readonly environment: Record<string, string>;
  drop(): Promise<void>;
}

/** A database of its own, in a directory of its own. */
export async function createDatabase(dialect: Dialect): Promise<TestDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-test-'));
  const common = { MUSTER_DATA_DIR: dataDir, MUSTER_WORKSPACE_ROOTS: dataDir };
  const removeDir = () => rmSync(dataDir, { recursive: true, force: true });
  if (dialect === 'sqlite') return { dialect, dataDir, environment: common, drop: async () => removeDir() };
  const name = `muster_test_${randomBytes(6).toString('hex')}`;
  await admin(`create database ${name}`);
  const url = new URL(POSTGRES_URL ?? '');
  url.pathname = `/${name}`;
  return {
    dialect,
    dataDir,
    environment: { ...common, MUSTER_DATABASE_URL: url.href },
    drop: async () => {
      await admin(`drop database if exists ${name} with (force)`);
      removeDir();
    },
  };
}

async function admin(sql: string): Promise<void> {
  const client = new Client({ connectionString: POSTGRES_URL });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
