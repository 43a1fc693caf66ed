import { endGroup } from './process-group.js';
import { type Exit, spawnGroup, type SpawnRequest } from './spawn-group.js';

export interface ProgramRun extends Exit {
  readonly stdout: string;
  readonly stderr: string;
  /** `stdout` as it came: names of files are not always UTF-8. */
  readonly stdoutBytes: Buffer;
  /** There was more on stdout than is kept. */
  readonly isTruncated: boolean;
  readonly isTimedOut: boolean;
}

export interface RunLimits {
  readonly timeoutMs: number;
  /** Of each output only so much is kept; absent: 64 KiB. */
  readonly maxBytes?: number;
  /** What it reads from its stdin; absent: nothing. */
  readonly input?: Buffer;
}

const MAX_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** Runs a short program, without a shell; past its time its whole group is killed. @throws SpawnError */
export async function runProgram(request: SpawnRequest, { timeoutMs, maxBytes = MAX_BYTES, input }: RunLimits): Promise<ProgramRun> {
  const group = await spawnGroup(request);
  group.stdin.end(input);
  const outputs = [group.stdout, group.stderr].map((stream) => {
    const pieces: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      if (size < maxBytes) pieces.push(chunk.subarray(0, maxBytes - size));
      size += chunk.length;
    });
    const ended = new Promise<void>((resolve) => stream.once('close', resolve));
    return { ended, bytes: () => Buffer.concat(pieces), isTruncated: () => size > maxBytes };
  });
  const finished = Promise.all([group.exited, ...outputs.map(({ ended }) => ended)]).then(() => false);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(true), timeoutMs)));
  const isTimedOut = await Promise.race([finished, late]);
  clearTimeout(timer);
  // Also where the leader ended in time: what it left behind held the output open, or goes on for nobody.
  await endGroup(group, { graceMs: 0 });
  const exit = await group.exited;
  const [stdoutBytes = NOTHING, stderrBytes = NOTHING] = outputs.map(({ bytes }) => bytes());
  const isTruncated = outputs[0]?.isTruncated() ?? false;
  return { ...exit, stdout: stdoutBytes.toString('utf8'), stderr: stderrBytes.toString('utf8'), stdoutBytes, isTruncated, isTimedOut };
}
