import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

async function admin(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

const open = new Set();

/** For a run that is cut short. */
export const dropAll = () => Promise.all([...open].map((drop) => drop()));

/** A database of its own, with a directory of its own. `file` or `url` names it. */
export async function createDatabase(dialect, postgresUrl) {
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const removeDir = () => rmSync(dataDir, { recursive: true, force: true });
  const counted = (drop) => {
    const once = async () => {
      open.delete(once);
      await drop();
    };
    open.add(once);
    return once;
  };
  if (dialect === 'sqlite')
    return { dialect, dataDir, file: join(dataDir, 'muster.db'), environment: {}, drop: counted(async () => removeDir()) };
  const name = `muster_bench_${randomBytes(6).toString('hex')}`;
  await admin(postgresUrl, `create database ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  return {
    dialect,
    dataDir,
    url: url.href,
    environment: { MUSTER_DATABASE_URL: url.href },
    drop: counted(async () => {
      await admin(postgresUrl, `drop database if exists ${name} with (force)`);
      removeDir();
    }),
  };
}
