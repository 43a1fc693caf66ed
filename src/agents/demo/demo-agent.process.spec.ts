import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive, spawnDemoAgent, until } from './testing/demo-client.js';

/** The agent as it is shipped: a process behind two pipes. */
describe('the demo agent as a process', () => {
  let cwd: string;
  let home: string;
  const started: ReturnType<typeof spawnDemoAgent>[] = [];

  const start = async () => {
    const agent = spawnDemoAgent(home);
    started.push(agent);
    await agent.client.initialize();
    return agent;
  };
  /** Begins a turn with a command that runs on, and gives its pid. */
  const startSleeper = async (agent: ReturnType<typeof spawnDemoAgent>) => {
    const turn = agent.client.prompt(await agent.client.newSession(cwd), 'run:sleep 600 & echo $! > pid; wait');
    turn.catch(() => undefined);
    const file = join(cwd, 'pid');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    return Number(readFileSync(file, 'utf8'));
  };

  beforeEach(() => {
    cwd = realpathSync(mkdtempSync(join(tmpdir(), 'demo-cwd-')));
    home = mkdtempSync(join(tmpdir(), 'demo-home-'));
  });
  afterEach(async () => {
    for (const { child, exited } of started.splice(0)) {
      child.kill('SIGTERM');
      await exited;
    }
    for (const folder of [cwd, home]) rmSync(folder, { recursive: true });
  });

  it('does a turn, and a new process remembers it', async () => {
    writeFileSync(join(cwd, 'a.txt'), 'from the file\n');
    const one = await start();
    const session = await one.client.newSession(cwd);
    expect(await one.client.prompt(session, 'read:a.txt\nwrite:a.txt hi\nrun:cat a.txt')).toBe('end_turn');
    expect(one.client.messages).toEqual(['done: hi']);
    expect(one.client.toolLines).toHaveLength(9);
    one.child.stdin.end();
    expect(await one.exited).toEqual({ code: 0, signal: null });

    const other = await start();
    await other.client.agent.request('session/resume', { sessionId: session, cwd });
    await other.client.prompt(session, 'recall:');
    expect(other.client.messages).toEqual(['recall: read:a.txt\nwrite:a.txt hi\nrun:cat a.txt']);
    expect(other.stderr.join('')).toBe('');
  });

  it('hears a cancellation however much it has to say', async () => {
    const { client } = await start();
    const sessionId = await client.newSession(cwd);
    const turn = client.prompt(sessionId, 'say:again and again\n'.repeat(100_000));
    await until(() => client.updates.length > 10);
    await client.cancel(sessionId);
    expect(await turn).toBe('cancelled');
  });

  it('dies at once with the code it is told', async () => {
    const { client, exited, stderr } = await start();
    await expect(client.prompt(await client.newSession(cwd), 'say:last words\nexit:42\nsay:never')).rejects.toThrow('closed');
    expect(await exited).toEqual({ code: 42, signal: null });
    expect(stderr.join('')).toBe('demo agent: exit 42\n');
    expect(client.messages).toEqual(['last words']);
  });

  it('ends with its input, and its commands with it', async () => {
    const agent = await start();
    const pid = await startSleeper(agent);
    agent.child.stdin.end();
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    await until(() => !isAlive(pid));
  });

  it('ends on SIGTERM, and its commands with it', async () => {
    const agent = await start();
    const pid = await startSleeper(agent);
    agent.child.kill('SIGTERM');
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    await until(() => !isAlive(pid));
  });

  it('ends when nobody reads its output any more', async () => {
    const agent = await start();
    const sessionId = await agent.client.newSession(cwd);
    const turn = agent.client.prompt(sessionId, 'slow:600');
    turn.catch(() => undefined);
    agent.child.stdout.destroy();
    expect(await agent.exited).toEqual({ code: 0, signal: null });
  });
});
