import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { errnoOf, type ProcessIdentity, readStat } from './proc-stat.js';

export interface SpawnRequest {
  /** Absolute path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  /** Its real path: what is reached through a link is refused with `ELOOP`, also where the link was put there just now. */
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a process ended: exactly one of the two is set. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process that leads a session and a group of its own, with pipes to its standard streams. */
export interface ProcessGroup extends ProcessIdentity {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The leader has ended. Others of the group may live on, and hold its output open. */
  readonly exited: Promise<Exit>;
}

/** The operating system refused to start it: `code` is its reason, as in `EACCES` or `E2BIG`. */
export class SpawnError extends Error {
  override readonly name = 'SpawnError';
  constructor(
    readonly code: string,
    cause: unknown,
  ) {
    super(`the program could not be started (${code})`, { cause });
  }
}

/** Starts a program without a shell. @throws SpawnError */
export function spawnGroup({ program, args, cwd, env }: SpawnRequest): Promise<ProcessGroup> {
  return new Promise((resolve, reject) => {
    const child = attempt(() =>
      inDirectory(cwd, (held) => spawn(program, args, { cwd: held, env: { ...env }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })),
    );
    if (child instanceof SpawnError) return reject(child);
    const exited = new Promise<Exit>((ended) => child.once('exit', (code, signal) => ended({ code, signal })));
    child.once('error', (error) => reject(spawnErrorOf(error)));
    // A pipe that breaks tells nothing that the exit does not tell.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
    const { pid } = child;
    // Read at once, before the event loop could collect the process: its entry is there even if it has ended.
    const startedAt = pid === undefined ? undefined : readStat(pid)?.startedAt;
    child.once('spawn', () => {
      if (pid === undefined || startedAt === undefined) return reject(new SpawnError('ESRCH', undefined));
      resolve({ pid, startedAt, stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited });
    });
  });
}

/**
 * Holds a directory open while `start` runs, so that nobody can exchange it between the look at it and the child's `chdir(2)`:
 * the child, which still has our descriptors then, enters what was looked at.
 */
function inDirectory<T>(real: string, start: (held: string) => T): T {
  const descriptor = openSync(real, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const held = `/proc/self/fd/${descriptor}`;
    if (readlinkSync(held) !== real) throw Object.assign(new Error(`${real} is reached through a link`), { code: 'ELOOP' });
    return start(held);
  } finally {
    closeSync(descriptor);
  }
}

function attempt(start: () => ChildProcessWithoutNullStreams): ChildProcessWithoutNullStreams | SpawnError {
  try {
    return start();
  } catch (error) {
    return spawnErrorOf(error);
  }
}

const spawnErrorOf = (error: unknown): SpawnError => new SpawnError(errnoOf(error) || 'unknown', error);
