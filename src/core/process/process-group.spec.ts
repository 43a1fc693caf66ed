import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../test/support/eventually.js';
import { hasEnvironment, isAlive, listProcesses, readStat } from './proc-stat.js';
import { endGroup, endWatched, GroupWatch } from './process-group.js';
import { type ProcessGroup, spawnGroup } from './spawn-group.js';

const PATH = process.env.PATH ?? '/usr/bin:/bin';

describe('a process group', () => {
  let cwd: string;
  const started: ProcessGroup[] = [];

  const sh = async (script: string, env: Record<string, string> = {}) => {
    const group = await spawnGroup({ program: '/bin/sh', args: ['-c', script], cwd, env: { PATH, ...env } });
    started.push(group);
    return group;
  };
  /** The pid that a script wrote to a file, once it is there. */
  const pidIn = async (name: string): Promise<number> => {
    const file = join(cwd, name);
    await eventually(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    return Number(readFileSync(file, 'utf8'));
  };
  const runs = (pid: number) => listProcesses().some((each) => each.pid === pid && each.state !== 'Z');

  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'process-group-'));
  });
  afterEach(async () => {
    for (const group of started.splice(0)) await endGroup(group, { graceMs: 0 });
    rmSync(cwd, { recursive: true });
  });

  it('leads a group and a session of its own, and its stat is read', async () => {
    const group = await sh('cp "$(command -v sleep)" "a ) Z (b"; exec "./a ) Z (b" 600');
    await eventually(() => readFileSync(`/proc/${group.pid}/stat`, 'utf8').includes('(a ) Z (b)'));
    expect(readStat(group.pid)).toMatchObject({
      pid: group.pid,
      group: group.pid,
      session: group.pid,
      parent: process.pid,
      startedAt: group.startedAt,
    });
    expect(isAlive(group)).toBe(true);
    expect(isAlive({ ...group, startedAt: group.startedAt + 1 })).toBe(false);
  });

  it('ends with SIGTERM, all of it', async () => {
    const group = await sh('sleep 600 & echo $! > child; wait');
    const child = await pidIn('child');
    expect(await endGroup(group, { graceMs: 5_000 })).toEqual({ ended: 2, survivors: [] });
    expect([runs(group.pid), runs(child)]).toEqual([false, false]);
    expect(await group.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('is killed where it does not heed SIGTERM', async () => {
    const group = await sh(`trap '' TERM; echo $$ > ready; while :; do sleep 0.05; done`);
    await pidIn('ready');
    expect((await endGroup(group, { graceMs: 150 })).survivors).toEqual([]);
    expect(await group.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('ends with those that left it by setsid, but not with strangers', async () => {
    const group = await sh('setsid sh -c "sleep 600 & echo \\$! > grandchild; echo \\$\\$ > child; wait" & wait');
    const stranger = await sh('sleep 600');
    const pids = [await pidIn('child'), await pidIn('grandchild')];
    expect(pids.map((pid) => readStat(pid)?.group === group.pid)).toEqual([false, false]);
    expect((await endGroup(group, { graceMs: 5_000 })).survivors).toEqual([]);
    expect(pids.map(runs)).toEqual([false, false]);
    expect(isAlive(stranger)).toBe(true);
  });

  it('is remembered by who watched it: orphans of its descendants are ended too', async () => {
    const group = await sh('setsid sh -c "echo \\$\\$ > child; exec sleep 600" & wait');
    const child = await pidIn('child');
    const watch = new GroupWatch(group);
    watch.look();
    process.kill(group.pid, 'SIGKILL');
    await group.exited;
    expect(runs(child)).toBe(true);
    expect((await endWatched(watch, { graceMs: 1_000 })).survivors).toEqual([]);
    expect(runs(child)).toBe(false);
  });

  it('is ended without its leader, where the rest proves to be ours', async () => {
    const group = await sh('sleep 600 & echo $! > child', { MARK: 'mine' });
    const child = await pidIn('child');
    await group.exited;
    expect(hasEnvironment(child, 'MARK', 'mine')).toBe(true);
    await endGroup(group, { graceMs: 0, isOurs: (pid) => hasEnvironment(pid, 'MARK', 'theirs') });
    expect(runs(child)).toBe(true);
    await endGroup(group, { graceMs: 0, isOurs: (pid) => hasEnvironment(pid, 'MARK', 'mine') });
    expect(runs(child)).toBe(false);
  });

  it('is left alone where its pid is somebody else by now', async () => {
    const group = await sh('sleep 600');
    expect(await endGroup({ ...group, startedAt: group.startedAt - 1 }, { graceMs: 0 })).toEqual({ ended: 0, survivors: [] });
    expect(isAlive(group)).toBe(true);
  });

  it('tells why it can not be started', async () => {
    const request = { args: [], cwd, env: {} };
    await expect(spawnGroup({ ...request, program: join(cwd, 'none') })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(spawnGroup({ ...request, program: cwd })).rejects.toMatchObject({ code: 'EACCES' });
    await expect(spawnGroup({ ...request, program: '/bin/sh', cwd: join(cwd, 'none') })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(spawnGroup({ ...request, program: '/bin/sh', args: ['a'.repeat(200_000)] })).rejects.toMatchObject({ code: 'E2BIG' });
    await expect(spawnGroup({ ...request, program: '/bin/sh', args: ['\u0000'] })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});
