import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { randomBase62 } from '../../core/ids.js';
import { makeDirectory } from '../../core/make-directory.js';
import { spawnDetached } from '../../core/process/spawn-detached.js';
import { SpawnError, type SpawnRequest } from '../../core/process/spawn-group.js';
import type { HostAddress } from './remote-agent-host.js';
import { SHIM_VERSION, type ShimOrders, shimStart } from './shim/shim-protocol.js';

/** Bytes of the path of a Unix socket on Linux, without the NUL (unix(7): `sun_path` has 108). */
const MAX_SOCKET_PATH = 107;
const BUILT_SHIM = 'shim/shim.main.js';
const TOKEN_FILE = 'token';

export interface ShimRequest {
  readonly id: string;
  readonly sessionId: string;
  /** The agent. */
  readonly agent: SpawnRequest;
  /** What marks the shim itself as one of this server's. */
  readonly marks: Readonly<Record<string, string>>;
  /** Where all hosts have their directories. */
  readonly root: string;
  readonly stopGraceMs: number;
  readonly lingerMs: number;
}

/** Starts a shim, which starts the agent; both are there when it resolves. @throws SpawnError of the agent, Error of the file system */
export async function spawnShim({ id, sessionId, agent, marks, root, stopGraceMs, lingerMs }: ShimRequest): Promise<HostAddress> {
  const directory = join(root, id);
  makeDirectory(directory);
  const socket = socketIn(directory);
  try {
    const token = randomBase62(43);
    writeFileSync(join(directory, TOKEN_FILE), token, { mode: 0o600, flag: 'wx' });
    const orders: ShimOrders = {
      ...{ version: SHIM_VERSION, sessionId, directory, socket, token, stopGraceMs, lingerMs },
      ...{ program: agent.program, args: [...agent.args], cwd: agent.cwd, env: { ...agent.env } },
    };
    const { pid, startedAt, answer } = await spawnDetached({
      program: process.execPath,
      // Its own id, for people who look at a list of processes.
      args: [shimProgram(), id],
      cwd: directory,
      env: marks,
      log: join(directory, 'shim.log'),
      input: JSON.stringify(orders),
    });
    const start = shimStart.safeParse(jsonOf(await answer)).data ?? { code: 'unknown' };
    if ('code' in start) throw new SpawnError(start.code, `see ${join(directory, 'shim.log')}`);
    return { id, sessionId, directory, socket, token, shim: { pid, startedAt }, process: start.process };
  } catch (error) {
    removeHost({ directory, socket });
    throw error;
  }
}

/** The token of a host that is there already; null where its directory is gone. */
export function tokenOf(directory: string): string | null {
  const file = join(directory, TOKEN_FILE);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** Removes what a host kept on disk. */
export function removeHost({ directory, socket }: Pick<HostAddress, 'directory' | 'socket'>): void {
  rmSync(directory, { recursive: true, force: true });
  if (dirname(socket) !== directory) rmSync(dirname(socket), { recursive: true, force: true });
}

/** In the host's directory; where its path is too long for a socket, in one of its own, for this user only, among the temporary files. */
function socketIn(directory: string): string {
  const path = join(directory, 'socket');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  const short = [tmpdir(), '/tmp'].find((each) => Buffer.byteLength(each) < MAX_SOCKET_PATH - 24) ?? '/tmp';
  return join(mkdtempSync(join(short, 'muster-')), 'socket');
}

/** Beside this file where it is compiled; in `dist` where a test runs it from its source. */
function shimProgram(): string {
  const beside = resolve(__dirname, BUILT_SHIM);
  return existsSync(beside) ? beside : resolve(__dirname, '../../../dist/src/launcher/host', BUILT_SHIM);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
