import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno, isRunning, listProcesses, type ProcessIdentity, type ProcessStat, readStat, recentProcesses } from './proc-stat.js';

const POLL_MS = 25;
/** What SIGKILL can't end in this time hangs in the kernel (state D). */
const KILL_WAIT_MS = 2_000;
const LOOK_MAX_AGE_MS = 500;

export interface EndOptions {
  /** Between SIGTERM and SIGKILL; 0 kills at once. */
  readonly graceMs: number;
  /**
   * Asked for members of a group whose leader is gone: its number alone proves nothing once it could have been given away again.
   * Absent: the caller has watched the leader end just now.
   */
  readonly isOurs?: (pid: number) => boolean;
  /** Tells processes that belong to the leader wherever they are by now, such as daemons that left it with two forks. */
  readonly belongs?: (pid: number) => boolean;
}

/** What became of a group. */
export interface EndedGroup {
  /** Processes that were ended, the leader included. */
  readonly ended: number;
  /** Pids that even SIGKILL did not end within two seconds. */
  readonly survivors: readonly number[];
}

/**
 * Ends the process group that `leader` was made the leader of, and those of its descendants that left the group with setsid:
 * SIGTERM, `graceMs`, SIGKILL, and a look into `/proc` that nothing but zombies is left. Touches nothing that is not provably of
 * this group: where the leader's pid belongs to another process by now, nothing is done.
 */
export const endGroup = (leader: ProcessIdentity, options: EndOptions): Promise<EndedGroup> =>
  endWatched(new GroupWatch(leader, options), options);

/** As {@link endGroup}, for a group that was watched: descendants whose parents are gone by now are ended too. */
export async function endWatched(targets: GroupWatch, options: Pick<EndOptions, 'graceMs'>): Promise<EndedGroup> {
  let left = targets.find();
  const all = new Set(left.map(({ pid }) => pid));
  const step = async (signal: NodeJS.Signals, waitMs: number) => {
    left.forEach(({ pid }) => send(pid, signal));
    const signalled = new Set(left.map(({ pid }) => pid));
    const end = performance.now() + waitMs;
    while (left.length > 0 && performance.now() < end) {
      await sleep(POLL_MS);
      left = targets.find();
      for (const { pid } of left) {
        all.add(pid);
        if (!signalled.has(pid)) send(pid, signal);
        signalled.add(pid);
      }
    }
  };
  if (options.graceMs > 0) await step('SIGTERM', options.graceMs);
  if (left.length > 0) await step('SIGKILL', KILL_WAIT_MS);
  return { ended: all.size - left.length, survivors: left.map(({ pid }) => pid) };
}

/** The members of a group, and all they brought forth: who was seen as a descendant once, stays one. */
export class GroupWatch {
  private readonly known = new Map<number, number>();

  constructor(
    private readonly leader: ProcessIdentity,
    private readonly signs: Pick<EndOptions, 'isOurs' | 'belongs'> = {},
  ) {}

  /** Takes note of those there are, so that they are known when their parents are gone; may be called often. */
  look(): void {
    this.note(recentProcesses(LOOK_MAX_AGE_MS));
  }

  /** All that run now; costs a pass through `/proc`. */
  find(): ProcessStat[] {
    const processes = listProcesses();
    this.note(processes);
    this.adopt(processes);
    return processes.filter((each) => this.known.get(each.pid) === each.startedAt && isRunning(each));
  }

  private note(processes: readonly ProcessStat[]): void {
    const { pid, startedAt } = this.leader;
    const now = readStat(pid);
    const isTaken = now !== null && now.startedAt !== startedAt;
    for (const each of processes) {
      if (isTaken || each.group !== pid || each.session !== pid) continue;
      if (each.pid === pid || now !== null || this.signs.isOurs === undefined || this.signs.isOurs(each.pid))
        this.known.set(each.pid, each.startedAt);
    }
    this.addDescendants(processes);
  }

  private adopt(processes: readonly ProcessStat[]): void {
    const { belongs } = this.signs;
    if (!belongs) return;
    for (const { pid, startedAt } of processes)
      if (startedAt >= this.leader.startedAt && pid !== process.pid && this.known.get(pid) !== startedAt && belongs(pid))
        this.known.set(pid, startedAt);
  }

  private addDescendants(processes: readonly ProcessStat[]): void {
    const byPid = new Map(processes.map((each) => [each.pid, each]));
    const isKnown = (each: ProcessStat | undefined): boolean => each !== undefined && this.known.get(each.pid) === each.startedAt;
    for (let found = true; found;) {
      found = false;
      for (const each of processes) {
        if (isKnown(each) || !isKnown(byPid.get(each.parent))) continue;
        this.known.set(each.pid, each.startedAt);
        found = true;
      }
    }
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone meanwhile, or (EPERM) it took another user's rights: then it is among the survivors.
    if (!isErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}
