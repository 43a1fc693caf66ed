import { ChildProcess, spawn } from 'node:child_process';

/** Most bytes kept of a command's output; the rest is read and dropped. */
export const MAX_OUTPUT_BYTES = 1024 * 1024;
const TIME_LIMIT_MS = 10 * 60_000;
/** Between SIGTERM and SIGKILL, and again until a pipe is given up that something outside the group holds open. */
const GRACE_MS = 500;

export interface CommandResult {
  /** Standard output and standard error in the order in which they came. */
  readonly output: string;
  /** Null where a signal ended the command. */
  readonly exitCode: number | null;
  readonly isCut: boolean;
  readonly isTimedOut: boolean;
}

/** Runs shell commands, each in a process group of its own, and knows which are running. */
export class CommandRunner {
  private readonly running = new Set<ChildProcess>();

  constructor(private readonly timeLimitMs = TIME_LIMIT_MS) {}

  /**
   * Runs `command` with /bin/sh in `cwd`, nothing on its standard input. What it leaves in the background ends with it. When `signal`
   * fires, or after 10 minutes, the whole group is ended: SIGTERM, half a second later SIGKILL.
   * @throws Error where the shell can't be started (for instance, `cwd` is gone).
   */
  run(command: string, cwd: string, signal: AbortSignal): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const child = spawn('/bin/sh', ['-c', command], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      this.running.add(child);
      const output = new BoundedOutput(child);
      const timers: NodeJS.Timeout[] = [];
      let isTimedOut = false;
      const end = () => {
        killGroup(child, 'SIGTERM');
        timers.push(setTimeout(() => killGroup(child, 'SIGKILL'), GRACE_MS));
      };
      const settle = () => {
        timers.forEach(clearTimeout);
        signal.removeEventListener('abort', end);
        this.running.delete(child);
      };
      timers.push(setTimeout(() => ((isTimedOut = true), end()), this.timeLimitMs));
      signal.addEventListener('abort', end);
      child.once('exit', () => {
        killGroup(child, 'SIGKILL');
        timers.push(setTimeout(() => output.close(), GRACE_MS));
      });
      child.once('error', (error) => {
        settle();
        reject(error);
      });
      child.once('close', (exitCode) => {
        settle();
        resolve({ output: output.text(), exitCode, isCut: output.isCut, isTimedOut });
      });
    });
  }

  /** Ends every running command's group at once, for a process that is about to end itself. */
  killAll(): void {
    for (const child of this.running) killGroup(child, 'SIGKILL');
  }
}

/** The first megabyte of what a child writes. */
class BoundedOutput {
  private readonly chunks: Buffer[] = [];
  private bytes = 0;
  isCut = false;

  constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => this.take(chunk));
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  close(): void {
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  private take(chunk: Buffer): void {
    const kept = chunk.subarray(0, MAX_OUTPUT_BYTES - this.bytes);
    this.isCut ||= kept.length < chunk.length;
    this.bytes += kept.length;
    if (kept.length > 0) this.chunks.push(kept);
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nobody of the group is left, which is what was wanted.
  }
}
