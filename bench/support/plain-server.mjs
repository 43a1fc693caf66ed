import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended } from './processes.mjs';

/** Node with these arguments, which start a server as it is shipped, on SQLite in a data directory of its own; resolves once it listens. */
export async function startPlainServer(nodeArguments, environment = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const child = spawn(process.execPath, nodeArguments, {
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      MUSTER_DATA_DIR: dataDir,
      MUSTER_WORKSPACE_ROOTS: dataDir,
      MUSTER_PORT: '0',
      MUSTER_LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const url = await new Promise((done, fail) => {
    child.once('exit', (code) => fail(new Error(`The server ended with ${code}. Is it built? npm run build.`)));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /listens on (\S+)/.exec(text)?.[1];
      if (found) done(found);
    });
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended(child);
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { child, url, dataDir, stop };
}
