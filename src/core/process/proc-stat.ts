import { readdirSync, readFileSync } from 'node:fs';

/** Tells a process from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of `/proc/<pid>/stat`: clock ticks since boot (proc(5)). */
  readonly startedAt: number;
}

/** What `/proc/<pid>/stat` says of a process. */
export interface ProcessStat extends ProcessIdentity {
  /** One letter; `Z` is a zombie, `X` is dead. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** The process of this pid; null where there is none. */
export function readStat(pid: number): ProcessStat | null {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** All processes that can be seen from here, zombies too. */
export function listProcesses(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
}

let lastList: { readonly at: number; readonly processes: readonly ProcessStat[] } | undefined;

/** As {@link listProcesses}, at most `maxAgeMs` old: for those who look often, together. */
export function recentProcesses(maxAgeMs: number): readonly ProcessStat[] {
  const now = performance.now();
  if (!lastList || now - lastList.at > maxAgeMs) lastList = { at: now, processes: listProcesses() };
  return lastList.processes;
}

/** There, the same one (start time), and not a zombie. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  const stat = readStat(pid);
  return stat !== null && stat.startedAt === startedAt && isRunning(stat);
}

/** Not a zombie that only waits to be collected. */
export const isRunning = ({ state }: ProcessStat): boolean => state !== 'Z' && state !== 'X';

/** Whether a process was started with `name=value`; false where its environment may not be read. */
export const hasEnvironment = (pid: number, name: string, value: string): boolean => environmentOf(pid).includes(`${name}=${value}`);

/** What a process was started with under this name; undefined where it was not, or its environment may not be read. */
export const environmentValue = (pid: number, name: string): string | undefined =>
  environmentOf(pid)
    .find((each) => each.startsWith(`${name}=`))
    ?.slice(name.length + 1);

/** Program and arguments of a process, for people; empty where they may not be read. */
export const commandLine = (pid: number): string => listIn(`/proc/${pid}/cmdline`).join(' ').trim();

const environmentOf = (pid: number): string[] => listIn(`/proc/${pid}/environ`);

function listIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\0');
  } catch (error) {
    if (isGone(error) || isErrno(error, 'EACCES', 'EPERM')) return [];
    throw error;
  }
}

/** The name in parentheses may hold blanks and parentheses itself: fields are counted from the last one. */
function parseStat(pid: number, text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group, session] = fields;
  const startedAt = fields[19];
  if (state === undefined || startedAt === undefined) return null;
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), startedAt: Number(startedAt) };
}

/** ESRCH: it ended between open and read. */
const isGone = (error: unknown): boolean => isErrno(error, 'ENOENT', 'ESRCH');

/** Whether this is one of these errors of the operating system. By its form, not by its class: tests run in another realm than Node itself. */
export const isErrno = (error: unknown, ...codes: readonly string[]): boolean => codes.includes(errnoOf(error));

/** The code of an error of the operating system, or of Node; empty where it has none. */
export const errnoOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
