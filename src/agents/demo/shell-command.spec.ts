import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandRunner, MAX_OUTPUT_BYTES } from './shell-command.js';
import { isAlive, until } from './testing/demo-client.js';

describe('CommandRunner', () => {
  let folder: string;
  const never = new AbortController().signal;
  const pidIn = (name: string) => Number(readFileSync(join(folder, name), 'utf8'));
  const written = (name: string) => existsSync(join(folder, name)) && readFileSync(join(folder, name), 'utf8').endsWith('\n');

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'demo-shell-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('gives output of both streams and the exit code', async () => {
    const result = await new CommandRunner().run('cat; echo out; echo err >&2; exit 3', folder, never);
    expect(result).toEqual({ output: 'out\nerr\n', exitCode: 3, isCut: false, isTimedOut: false });
  });

  it('keeps the first megabyte of the output', async () => {
    const { output, isCut, exitCode } = await new CommandRunner().run(`head -c ${MAX_OUTPUT_BYTES + 1} /dev/zero`, folder, never);
    expect([output.length, isCut, exitCode]).toEqual([MAX_OUTPUT_BYTES, true, 0]);
  });

  it('ends what a command leaves in the background', async () => {
    const { exitCode } = await new CommandRunner().run('sleep 600 & echo $! > pid', folder, never);
    expect(exitCode).toBe(0);
    await until(() => !isAlive(pidIn('pid')));
  });

  it('does not wait for a process that left the group with the output in its hand', async () => {
    const { output } = await new CommandRunner().run(
      "echo before; setsid sh -c 'echo $$ > pid; sleep 600' & while [ ! -s pid ]; do :; done",
      folder,
      never,
    );
    expect(output).toBe('before\n');
    process.kill(-pidIn('pid'), 'SIGKILL');
  });

  it('ends the whole group when the signal fires, also one that ignores SIGTERM', async () => {
    const abort = new AbortController();
    const running = new CommandRunner().run("trap '' TERM; sleep 600 & echo $! > pid; wait; sleep 600", folder, abort.signal);
    await until(() => written('pid'));
    abort.abort();
    expect(await running).toMatchObject({ exitCode: null, isTimedOut: false });
    await until(() => !isAlive(pidIn('pid')));
  });

  it('ends the command at the time limit', async () => {
    expect(await new CommandRunner(20).run('sleep 600', folder, never)).toMatchObject({ exitCode: null, isTimedOut: true });
  });

  it('ends all commands for a process that ends', async () => {
    const runner = new CommandRunner();
    const running = [runner.run('echo $$ > a; sleep 600', folder, never), runner.run('echo $$ > b; sleep 600', folder, never)];
    await until(() => written('a') && written('b'));
    runner.killAll();
    expect((await Promise.all(running)).map(({ exitCode }) => exitCode)).toEqual([null, null]);
  });

  it('rejects where the command cannot be started', async () => {
    await expect(new CommandRunner().run('true', join(folder, 'gone'), never)).rejects.toThrow('ENOENT');
    await expect(new CommandRunner().run('true', folder, AbortSignal.abort())).rejects.toThrow('aborted');
  });
});
