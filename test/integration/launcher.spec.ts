import { Test, type TestingModule } from '@nestjs/testing';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Principal } from '../../src/auth/principal.types.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { MusterConfig } from '../../src/config/muster-config.js';
import { CoreModule } from '../../src/core/core.module.js';
import { isAlive, readStat } from '../../src/core/process/proc-stat.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { OpenBlocks } from '../../src/events/open-blocks.service.js';
import { LauncherModule } from '../../src/launcher/launcher.module.js';
import { Launcher } from '../../src/launcher/launcher.service.js';
import { schema } from '../../src/migrations/schema.js';
import { SessionCreation } from '../../src/sessions/session-creation.service.js';
import { SessionLifecycle } from '../../src/sessions/session-lifecycle.service.js';
import { SessionStops } from '../../src/sessions/session-stops.service.js';
import { SessionsModule } from '../../src/sessions/sessions.module.js';
import { SessionsService } from '../../src/sessions/sessions.service.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

const ROOT = resolve(__dirname, '../..');
const ADMIN: Principal = { id: 'admin', kind: 'admin', name: 'Administrator' };
const ENV = { PATH: process.env.PATH ?? '/usr/bin:/bin' };

const profiles = (home: string) => [
  {
    name: 'demo',
    runtime: 'acp',
    command: [process.execPath, '-r', join(ROOT, 'test/support/swc-register.cjs'), join(ROOT, 'src/agents/demo/demo-agent.main.ts')],
    env: { DEMO_AGENT_HOME: join(home, 'demo-home') },
    versionCommand: null,
  },
  { name: 'absent', runtime: 'acp', command: ['no-such-program-here'], installHint: 'npm install --global no-such-program' },
  { name: 'no-acp', runtime: 'acp', command: ['sh', '-c', 'echo "this is no protocol"; echo "I am broken" >&2; exit 3'] },
  { name: 'mute', runtime: 'acp', command: ['sh', '-c', 'sleep 600 & echo "thinking" >&2; wait'] },
  { name: 'shell', runtime: 'process', command: ['sh'] },
  { name: 'argument', runtime: 'process', command: ['printf', '%s\\n', '{prompt}'] },
  { name: 'claude', runtime: 'process', command: ['sh'], output: 'claude-stream-json' },
];

describe.each(DIALECTS)('the launcher on %s', (dialect) => {
  let database: TestDatabase;
  let module: TestingModule;
  let cwd: string;

  const boot = async (): Promise<TestingModule> => {
    const environment = {
      ...ENV,
      HOME: database.dataDir,
      MUSTER_AGENTS_FILE: join(database.dataDir, 'agents.json'),
      MUSTER_AGENT_START_TIMEOUT_MS: '20000',
      MUSTER_AGENT_STOP_GRACE_MS: '2000',
      MUSTER_AGENTS_ON_SHUTDOWN: 'stop',
      ...database.environment,
    };
    const built = await Test.createTestingModule({
      imports: [ConfigModule.of(new MusterConfig(environment)), CoreModule.of(schema), EventLogModule, SessionsModule, LauncherModule],
    }).compile();
    built.useLogger(process.env.LAUNCHER_LOG ? ['error', 'warn', 'log', 'debug'] : false);
    return built.init();
  };
  const get = (type: any): any => module.get(type, { strict: false });
  const create = async (fields: object): Promise<string> =>
    (await get(SessionCreation).create(ADMIN, { agent: 'demo', projectDir: cwd, policy: 'allow-all', ...fields })).session.id;
  const find = (id: string) => get(SessionLifecycle).find(id);
  const until = (id: string, ...statuses: string[]) =>
    eventually(
      () => find(id),
      (session: any) => statuses.includes(session?.status),
      30_000,
    );
  const events = async (id: string): Promise<any[]> =>
    (await get(EventLog).read(id, { after: 0, limit: 1_000 })).map((each: any) => ({ ...each, payload: JSON.parse(each.payload) }));
  const types = async (id: string) => (await events(id)).map(({ type }) => type);
  const texts = async (id: string, type = 'message') =>
    (await events(id))
      .filter((each) => each.type === type)
      .map(({ payload }) => payload.content?.map((block: any) => block.text).join('') ?? payload.text);
  const turns = async (id: string) => (await events(id)).filter(({ type }) => type === 'turn').map(({ payload }) => payload.state);
  const input = (id: string, content: string, more = {}) => get(SessionsService).input(ADMIN, id, { content, ...more });
  const alive = (pid: number) => {
    const stat = readStat(pid);
    return stat !== null && stat.state !== 'Z';
  };

  beforeAll(async () => {
    database = await createDatabase(dialect);
    cwd = join(database.dataDir, 'project');
    mkdirSync(cwd);
    writeFileSync(join(database.dataDir, 'agents.json'), JSON.stringify({ agents: profiles(database.dataDir) }));
    module = await boot();
  });
  afterAll(async () => {
    await module?.close();
    await database?.drop();
  });

  it('runs a prompt: text, tools, approval, usage; then it is idle, takes another, and is stopped', async () => {
    writeFileSync(join(cwd, 'a.txt'), 'one\n');
    const id = await create({ prompt: 'think:hm hm\nsay:Hello out there\nread:a.txt\nwrite:b.txt two\nrun:cat b.txt' });
    const idle = await until(id, 'idle', 'failed');
    expect(idle).toMatchObject({ status: 'idle', endReason: null });
    expect(idle.agentSessionId).toBeTruthy();
    expect(await texts(id)).toEqual(['Hello out there', 'done: two']);
    expect(await texts(id, 'thought')).toEqual(['hm hm']);
    const list = await events(id);
    expect(list.filter(({ type }) => type === 'acp_update')).toEqual([]);
    expect(list.find(({ type }) => type === 'approval').payload).toMatchObject({
      state: 'decided',
      by: 'policy:allow-all',
      optionId: 'allow_once',
      title: 'Run cat b.txt',
    });
    expect(list.filter(({ type }) => type === 'tool_call').map(({ payload }) => [payload.kind, payload.status])).toEqual([
      ['read', 'pending'],
      ['edit', 'pending'],
      ['execute', 'pending'],
    ]);
    expect(list.every(({ turn, type }) => turn === 1 || ['status', 'input'].includes(type))).toBe(true);
    expect(get(OpenBlocks).of(id)).toEqual([]);
    expect(isAlive({ pid: idle.processId, startedAt: idle.processStartedAt })).toBe(true);

    await input(id, 'recall:');
    await eventually(async () => (await turns(id)).length === 4);
    expect((await texts(id)).at(-1)).toContain('recall: think:hm hm');
    const { view } = await get(SessionStops).stop(ADMIN, id);
    expect(view.session).toMatchObject({ status: 'stopped', endReason: 'stopped by admin', processId: null });
    expect(alive(idle.processId)).toBe(false);
  });

  it('denies by policy and says so', async () => {
    const id = await create({ prompt: 'run:touch no.txt', policy: 'deny' });
    await until(id, 'idle');
    expect((await events(id)).find(({ type }) => type === 'approval').payload).toMatchObject({
      by: 'policy:deny',
      optionId: 'reject_once',
      reason: expect.stringContaining('denies'),
    });
    expect(existsSync(join(cwd, 'no.txt'))).toBe(false);
    await get(SessionStops).stop(ADMIN, id);
  });

  it('takes inputs in order and interrupts only the turn that was meant', async () => {
    const id = await create({ prompt: 'say:before\nslow:600' });
    await until(id, 'running');
    await input(id, 'say:second');
    await input(id, 'say:third', { interrupt: true });
    await eventually(async () => (await turns(id)).filter((state) => state !== 'started').length === 3);
    expect(await turns(id)).toEqual(['started', 'cancelled', 'started', 'completed', 'started', 'completed']);
    expect((await texts(id)).filter((text) => !/^\.*$/.test(text))).toEqual(['before', 'second', 'third']);
    await input(id, 'say:fourth', { interrupt: true });
    await eventually(async () => (await turns(id)).length === 8);
    expect((await turns(id)).slice(-2)).toEqual(['started', 'completed']);
    await get(SessionStops).stop(ADMIN, id);
  });

  it('waits for its first input where it is not to be launched, and for input where there is no prompt', async () => {
    const waiting = await create({ launch: false });
    const idle = await create({});
    expect(await until(idle, 'idle', 'failed')).toMatchObject({ status: 'idle' });
    expect(await find(waiting)).toMatchObject({ status: 'queued' });
    await input(waiting, 'say:now');
    await until(waiting, 'idle');
    expect(await texts(waiting)).toEqual(['now']);
    for (const id of [waiting, idle]) await get(SessionStops).stop(ADMIN, id);
  });

  it('is failed where a turn fails, and where the agent dies in one or between', async () => {
    const failing = await create({ prompt: 'say:so far\nfail:no more money' });
    expect(await until(failing, 'failed')).toMatchObject({ endReason: expect.stringContaining('no more money'), processId: null });
    expect(await turns(failing)).toEqual(['started', 'failed']);
    const dying = await create({ prompt: 'say:last words\nexit:42' });
    expect(await until(dying, 'failed')).toMatchObject({
      exitCode: 42,
      endReason: expect.stringMatching(/in the middle of a turn, with code 42[^]*demo agent: exit 42/),
    });
    expect(await texts(dying)).toEqual(['last words']);
    expect((await types(dying)).slice(-2)).toEqual(['turn', 'status']);
    const idle = await create({});
    const { processId } = await until(idle, 'idle');
    process.kill(processId, 'SIGKILL');
    expect(await until(idle, 'failed')).toMatchObject({ exitSignal: 'SIGKILL', endReason: expect.stringContaining('waited for input') });
  });

  it('keeps open text of an agent that is killed', async () => {
    const id = await create({ prompt: 'slow:600' });
    await eventually(() => get(OpenBlocks).of(id).length === 1);
    process.kill((await find(id)).processId, 'SIGKILL');
    await until(id, 'failed');
    expect((await events(id)).find(({ type }) => type === 'message').payload).toMatchObject({ truncated: true, role: 'assistant' });
    expect(get(OpenBlocks).of(id)).toEqual([]);
  });

  it('is failed with a remedy where the agent can not be started', async () => {
    const absent = await create({ agent: 'absent', prompt: 'hi' });
    expect((await until(absent, 'failed')).endReason).toMatch(/no-such-program-here.*"absent".*npm install --global/);
    const broken = await create({ agent: 'no-acp', prompt: 'hi' });
    expect((await until(broken, 'failed')).endReason).toMatch(/"no-acp" could not be started[^]*I am broken/);
    const unknown = await create({ prompt: 'hi', agentMode: 'warp' });
    expect((await until(unknown, 'failed')).endReason).toMatch(/no mode "warp".*default, auto/);
    const model = await create({ prompt: 'hi', model: 'huge' });
    expect((await until(model, 'failed')).endReason).toMatch(/choose its model/);
    expect((await types(absent)).at(-1)).toBe('status');
  });

  it('stops while it starts, and while a turn runs, with all that the agent started', async () => {
    const starting = await create({ agent: 'mute' });
    const { processId } = await eventually(
      () => find(starting),
      (each: any) => each.processId !== null,
    );
    const { view } = await get(SessionStops).stop(ADMIN, starting);
    expect(view.session.status).toBe('stopped');
    expect(alive(processId)).toBe(false);
    const running = await create({ prompt: 'run:sleep 600 & echo $! > pid; setsid sleep 601 & echo $! > pid2; wait' });
    const pids = await eventually(
      () => ['pid', 'pid2'].map((name) => (existsSync(join(cwd, name)) ? Number(readFileSync(join(cwd, name), 'utf8')) : 0)),
      (list) => list.every((pid) => pid > 0),
    );
    expect(pids.map(alive)).toEqual([true, true]);
    expect((await get(SessionStops).stop(ADMIN, running)).view.session.status).toBe('stopped');
    expect(pids.map(alive)).toEqual([false, false]);
    expect(await turns(running)).toEqual(['started', 'cancelled']);
  });

  it('ends the agent of a session that is deleted', async () => {
    const id = await create({ prompt: 'slow:600' });
    await until(id, 'running');
    const { processId } = await find(id);
    await get(SessionsService).remove(ADMIN, id, { force: true });
    await eventually(() => !alive(processId));
    expect(await find(id)).toBeNull();
  });

  it('runs a command a turn', async () => {
    const id = await create({ agent: 'shell', prompt: 'echo one; echo "$MUSTER_SESSION_ID"; echo oops >&2; echo "${HOME_SECRET-none}"' });
    expect(await until(id, 'idle', 'failed')).toMatchObject({ status: 'idle', processId: null });
    expect((await texts(id, 'log')).sort()).toEqual([id, 'none', 'one', 'oops'].sort());
    await input(id, 'echo again; sleep 600');
    await until(id, 'running');
    await eventually(async () => (await texts(id, 'log')).includes('again'));
    await get(SessionsService).interrupt(ADMIN, id);
    await until(id, 'idle');
    await input(id, 'echo "bad thing" >&2; exit 7');
    expect(await until(id, 'failed')).toMatchObject({ exitCode: 7, endReason: expect.stringMatching(/code 7[^]*bad thing/) });
    expect(await turns(id)).toEqual(['started', 'completed', 'started', 'cancelled', 'started', 'failed']);
    const argument = await create({ agent: 'argument', prompt: '--help; echo $(id)' });
    await until(argument, 'idle');
    expect(await texts(argument, 'log')).toEqual([' --help; echo $(id)']);
    const claude = await create({
      agent: 'claude',
      prompt: `echo '{"session_id":"s1","subtype":"init","type":"system"}'; echo '{"is_error":true,"subtype":"success","result":"API down","type":"result"}'`,
    });
    expect(await until(claude, 'failed', 'idle')).toMatchObject({ status: 'failed', agentSessionId: 's1', endReason: 'API down' });
  });

  it('settles what an earlier life of the server left behind', async () => {
    const lost = await create({ prompt: 'slow:600' });
    const between = await create({ agent: 'shell', prompt: 'true' });
    await Promise.all([until(lost, 'running'), until(between, 'idle')]);
    const lifecycle = get(SessionLifecycle);
    // A process that is not provably ours: the pid is right, the start time is not.
    const stranger = spawn('sleep', ['600'], { detached: true });
    const leftover = spawn('sh', ['-c', 'sleep 600 & sleep 601'], { detached: true });
    await eventually(() => readStat(leftover.pid ?? 0) !== null && readStat(stranger.pid ?? 0) !== null);
    await get(Launcher).stop();
    expect(await find(lost)).toMatchObject({ status: 'lost', endReason: 'the server was shut down', processId: null });
    expect(await find(between)).toMatchObject({ status: 'idle' });
    await lifecycle.move(lost, 'running');
    await lifecycle.note(lost, { processId: leftover.pid, processStartedAt: readStat(leftover.pid ?? 0)?.startedAt });
    const other = await create({ agent: 'shell', launch: false });
    await lifecycle.claim(other);
    await lifecycle.note(other, { processId: stranger.pid, processStartedAt: 1 });
    const queued = await create({ prompt: 'say:late but here' });
    await eventually(async () => true);
    await module.close();
    module = await boot();
    expect(await find(lost)).toMatchObject({ status: 'lost', endReason: expect.stringContaining('the server stopped') });
    expect(await find(other)).toMatchObject({ status: 'failed' });
    expect(await find(between)).toMatchObject({ status: 'idle' });
    expect(alive(leftover.pid ?? 0)).toBe(false);
    expect(alive(stranger.pid ?? 0)).toBe(true);
    stranger.kill('SIGKILL');
    await until(queued, 'idle');
    expect(await texts(queued)).toEqual(['late but here']);
    await input(between, 'echo back again');
    await eventually(async () => (await texts(between, 'log')).includes('back again'));
    expect((await get(SessionStops).stop(ADMIN, between)).view.session.status).toBe('stopped');
  });
});
