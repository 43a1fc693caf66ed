/** The few settings of the server that a script must know too, read as the server reads them: the environment above `.env`. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { inProject, ROOT } from './project.mjs';

const DEFAULT_PORT = 4600;

const environment = () =>
  existsSync(inProject('.env')) ? { ...parseEnv(readFileSync(inProject('.env'), 'utf8')), ...process.env } : process.env;

/** `port` is undefined where nobody chose one. */
export function readSettings() {
  const env = environment();
  return {
    host: env.MUSTER_HOST || '127.0.0.1',
    port: env.MUSTER_PORT || undefined,
    dataDir: resolve(ROOT, env.MUSTER_DATA_DIR || '.muster'),
    hasPublicUrl: Boolean(env.MUSTER_PUBLIC_URL),
    isOpen: env.MUSTER_AUTH === 'off',
    adminKey:
      env.MUSTER_ADMIN_KEY ||
      (env.MUSTER_ADMIN_KEY_FILE ? readFileSync(resolve(ROOT, env.MUSTER_ADMIN_KEY_FILE), 'utf8').trim() : undefined),
    isPostgres: Boolean(env.MUSTER_DATABASE_URL || env.MUSTER_DATABASE_URL_FILE),
  };
}

/** The chosen port; else the usual one, or a free one (`0`) where somebody listens there. */
export async function choosePort({ host, port }) {
  if (port !== undefined) return { port, isMoved: false };
  const isFree = await canListen(host, DEFAULT_PORT);
  return { port: isFree ? String(DEFAULT_PORT) : '0', isMoved: !isFree };
}

function canListen(host, port) {
  return new Promise((resolvePort) => {
    const server = createServer();
    server.once('error', (error) => resolvePort(error.code !== 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolvePort(true)));
  });
}
