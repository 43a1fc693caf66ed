import { Test, type TestingModule } from '@nestjs/testing';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Principal } from '../../src/auth/principal.types.js';
import { ConfigModule } from '../../src/config/config.module.js';
import { MusterConfig } from '../../src/config/muster-config.js';
import { CoreModule } from '../../src/core/core.module.js';
import { readStat } from '../../src/core/process/proc-stat.js';
import { EventLogModule } from '../../src/events/event-log.module.js';
import { EventLog } from '../../src/events/event-log.service.js';
import { Launcher } from '../../src/launcher/launcher.service.js';
import { LauncherModule } from '../../src/launcher/launcher.module.js';
import { schema } from '../../src/migrations/schema.js';
import { SessionCreation } from '../../src/sessions/session-creation.service.js';
import { SessionInputs } from '../../src/sessions/session-inputs.service.js';
import { SessionLifecycle } from '../../src/sessions/session-lifecycle.service.js';
import { SessionMoves } from '../../src/sessions/session-moves.service.js';
import { SessionsModule } from '../../src/sessions/sessions.module.js';
import { SessionsService } from '../../src/sessions/sessions.service.js';
import { createDatabase, DIALECTS, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

const ROOT = resolve(__dirname, '../..');
const ADMIN: Principal = { id: 'admin', kind: 'admin', name: 'Administrator' };
const DEMO = [process.execPath, '-r', join(ROOT, 'test/support/swc-register.cjs'), join(ROOT, 'src/agents/demo/demo-agent.main.ts')];

const profiles = (home: string) => [
  { name: 'demo', runtime: 'acp', command: DEMO, env: { DEMO_AGENT_HOME: join(home, 'demo') }, versionCommand: null },
  // The same agent, of which it is known that it can't go on with a conversation of its own.
  {
    name: 'forgetful',
    runtime: 'acp',
    command: DEMO,
    env: { DEMO_AGENT_HOME: join(home, 'forgetful') },
    versionCommand: null,
    capabilities: { resume: false },
  },
  { name: 'shell', runtime: 'process', command: ['sh'] },
];

describe.each(DIALECTS)('suspending, resuming and forking on %s', (dialect) => {
  let database: TestDatabase;
  let module: TestingModule;
  let cwd: string;

  const boot = async (): Promise<TestingModule> => {
    const environment = {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: database.dataDir,
      MUSTER_AGENTS_FILE: join(database.dataDir, 'agents.json'),
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
  const ofType = async (id: string, type: string) => (await events(id)).filter((each) => each.type === type);
  const textOf = ({ payload }: any): string => payload.content.map(({ text }: any) => text).join('');
  const texts = async (id: string) => (await ofType(id, 'message')).map(textOf);
  const turns = async (id: string) => (await ofType(id, 'turn')).map(({ payload }) => payload.state);
  const said = (id: string, text: string) => eventually(async () => (await texts(id)).includes(text), Boolean, 30_000);
  const input = (id: string, content: string, more = {}) => get(SessionsService).input(ADMIN, id, { content, ...more });
  const suspend = (id: string) => get(SessionMoves).suspend(ADMIN, id);
  const resume = (id: string, request = {}) => get(SessionMoves).resume(ADMIN, id, request);
  const inputs = async (id: string) =>
    (await get(SessionInputs).list(ADMIN, id, { limit: 100 })).items.map(({ position, state }: any) => `${position} ${state}`);
  const isAlive = (pid: number) => ![undefined, 'Z'].includes(readStat(pid)?.state);

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

  it('suspends in the middle of a turn, keeps what waits, and goes on natively', async () => {
    const id = await create({ prompt: 'say:the first\nslow:600' });
    await said(id, 'the first');
    const { processId, agentSessionId } = await find(id);
    await input(id, 'recall:');
    await input(id, 'say:the third');
    const { view, isDone } = await suspend(id);
    expect(isDone).toBe(true);
    expect(view.session).toMatchObject({ status: 'suspended', endReason: 'suspended by admin', processId: null, suspendRequestedAt: null });
    expect(isAlive(processId)).toBe(false);
    expect((await ofType(id, 'turn')).at(-1).payload).toMatchObject({ state: 'cancelled', stopReason: 'suspended' });
    expect(await inputs(id)).toEqual(['1 delivered', '2 accepted', '3 accepted']);
    expect((await suspend(id)).view.session.status).toBe('suspended');

    const resumed = await resume(id, { prompt: 'say:the fourth' });
    expect(resumed).toMatchObject({ isNew: false, view: { session: { id, endReason: null, lastResumedAt: expect.any(String) } } });
    await said(id, 'the fourth');
    await until(id, 'idle');
    expect(await find(id)).toMatchObject({ agentSessionId, contextDue: null });
    expect((await texts(id)).filter((text) => !/^\.*$/.test(text))).toEqual([
      'the first',
      'recall: say:the first\nslow:600',
      'the third',
      'the fourth',
    ]);
    expect(await inputs(id)).toEqual(['1 delivered', '2 delivered', '3 delivered', '4 delivered']);
    expect(await ofType(id, 'agent_context')).toEqual([]);
    expect((await ofType(id, 'status')).map(({ payload }) => payload).slice(3, 5)).toMatchObject([
      { from: 'running', to: 'suspended', reason: 'suspended by admin' },
      { from: 'suspended', to: 'queued', reason: 'resumed by admin' },
    ]);
    await get(SessionMoves).stop(ADMIN, id);
  });

  it('tells an agent of the conversation that can not go on with it by itself, once', async () => {
    const id = await create({ agent: 'forgetful', prompt: 'say:hello\nrun:echo from the tool' });
    await until(id, 'idle');
    await suspend(id);
    await resume(id, { prompt: 'recall:' });
    await said(id, 'recall: say:hello\nrun:echo from the tool');
    const [context, ...others] = await ofType(id, 'agent_context');
    expect(others).toEqual([]);
    expect(context).toMatchObject({ turn: 2, source: 'system', actor: 'system' });
    expect(context.payload.content).toMatchObject([{ type: 'text', annotations: { audience: ['assistant'] } }]);
    expect(textOf(context)).toMatch(
      /> User:\n> say:hello\n[^]*> Assistant:\n> hello\n>\n> Tool: Run echo from the tool \(completed\)\n> from the tool/,
    );
    expect(textOf(context)).not.toContain('recall:');
    await input(id, 'say:and on');
    await said(id, 'and on');
    expect(await ofType(id, 'agent_context')).toHaveLength(1);
    await get(SessionMoves).stop(ADMIN, id);
  });

  it('tells it too where the agent has lost its conversation', async () => {
    const id = await create({ prompt: 'say:hello' });
    await until(id, 'idle');
    await suspend(id);
    await get(SessionLifecycle).note(id, { agentSessionId: 'gone' });
    await resume(id, { prompt: 'recall:' });
    await said(id, 'recall: say:hello');
    expect(await ofType(id, 'agent_context')).toHaveLength(1);
    await get(SessionMoves).stop(ADMIN, id);
  });

  it('suspends what is queued, starting, idle or a command; a stop that comes after wins', async () => {
    const queued = await create({ launch: false });
    expect((await suspend(queued)).view.session.status).toBe('suspended');
    const starting = await create({ prompt: 'say:once started' });
    expect((await suspend(starting)).view.session.status).toBe('suspended');
    await resume(starting);
    await said(starting, 'once started');
    expect(await ofType(starting, 'agent_context')).toEqual([]);
    const command = await create({ agent: 'shell', prompt: 'echo one' });
    await until(command, 'idle');
    await suspend(command);
    await resume(command, { prompt: 'echo two' });
    await eventually(async () => (await ofType(command, 'log')).some(({ payload }) => payload.text === 'two'));
    const both = await create({ prompt: 'slow:600' });
    await until(both, 'running');
    const suspending = suspend(both);
    await eventually(
      () => find(both),
      ({ status, suspendRequestedAt }: any) => suspendRequestedAt !== null || status === 'suspended',
    );
    expect((await get(SessionMoves).stop(ADMIN, both)).view.session.status).toBe('stopped');
    await suspending;
    for (const id of [starting, command]) await get(SessionMoves).stop(ADMIN, id);
  });

  it('is resumed right behind its suspension, again and again', async () => {
    const id = await create({ prompt: 'say:0' });
    await until(id, 'idle');
    for (const n of [1, 2, 3]) {
      await suspend(id);
      await resume(id, { prompt: `say:${n}` });
      await said(id, `${n}`);
    }
    expect(await texts(id)).toEqual(['0', '1', '2', '3']);
    await get(SessionMoves).stop(ADMIN, id);
  });

  it('goes on as a new session, by another agent, with what was said and nothing else', async () => {
    writeFileSync(join(cwd, 'a.txt'), 'x'.repeat(100_000));
    const id = await create({ prompt: `say:the answer\nread:a.txt`, name: 'First', metadata: { ticket: 7 } });
    await until(id, 'idle');
    await get(SessionMoves).stop(ADMIN, id);
    const { view, isNew } = await resume(id, { agent: 'forgetful', prompt: 'recall:' });
    const other = view.session.id;
    expect(isNew).toBe(true);
    expect(view.session).toMatchObject({
      resumedFromId: id,
      name: 'First',
      agent: 'forgetful',
      status: 'queued',
      metadata: '{"ticket":7}',
    });

    await said(other, 'recall: say:the answer\nread:a.txt');
    const source = (await events(id)).filter(({ type }) => ['input', 'message', 'thought', 'tool_call', 'tool_update'].includes(type));
    const list = await events(other);
    const copies = list.slice(0, source.length);
    expect(list.map(({ seq }) => seq)).toEqual(list.map((_, index) => index + 1));
    expect(copies.map(({ occurredAt, actor }) => [occurredAt, actor])).toEqual(source.map(({ occurredAt, actor }) => [occurredAt, actor]));
    expect(copies.every(({ source: from, turn }) => from === 'import' && turn === null)).toBe(true);
    expect(copies.some(({ id: copy }) => source.some((each) => each.id === copy))).toBe(false);
    expect(copies[0]).toMatchObject({ type: 'message', payload: { role: 'user', content: source[0].payload.content } });
    expect(copies.slice(1).map(({ type, payload }) => [type, payload])).toEqual(
      source.slice(1).map(({ type, payload }) => [type, payload]),
    );
    expect(list[source.length]).toMatchObject({ type: 'status', payload: { from: null, to: 'queued' } });
    const usage = await ofType(other, 'usage');
    expect(usage.every(({ source: from }) => from !== 'import')).toBe(true);
    expect((await find(id)).status).toBe('stopped');
    // The content beside the log outlives the session it came from.
    await get(SessionsService).remove(ADMIN, id);
    expect(await get(SessionsService).list(ADMIN, { limit: 10, resumedFromId: id })).toMatchObject({ items: [{ session: { id: other } }] });
    await get(SessionMoves).stop(ADMIN, other);
  });

  it('forks at an event; the first session goes on', async () => {
    const id = await create({ prompt: 'say:one' });
    await until(id, 'idle');
    const atSeq = (await events(id)).at(-1).seq;
    await input(id, 'say:two\nslow:600');
    await said(id, 'two');
    const fork = await get(SessionMoves).fork(ADMIN, id, { atSeq, prompt: 'recall:', name: 'Branch' });
    expect(fork.session).toMatchObject({ forkedFromId: id, forkedAtSeq: atSeq, name: 'Branch', resumedFromId: null });
    await said(fork.session.id, 'recall: say:one');
    expect(await texts(fork.session.id)).toEqual(['say:one', 'one', 'recall: say:one']);
    expect(await find(id)).toMatchObject({ status: 'running' });
    const waiting = await get(SessionMoves).fork(ADMIN, id, { atSeq: 1 });
    expect(waiting.session).toMatchObject({ status: 'queued', launch: false });
    const [turn] = (await ofType(id, 'turn')).slice(-1);
    const within = get(SessionMoves).fork(ADMIN, id, { atSeq: turn.seq });
    await expect(within).rejects.toMatchObject({ code: 'fork_point', details: { context: { earliest: 1, last: turn.seq - 1 } } });
    for (const each of [id, fork.session.id, waiting.session.id]) await get(SessionMoves).stop(ADMIN, each);
  });

  it('resumes what was lost with the server, and says of an input that nobody knows whether it arrived', async () => {
    const id = await create({ prompt: 'say:before\nslow:600' });
    await said(id, 'before');
    await input(id, 'recall:');
    const asked = await create({ prompt: 'slow:600' });
    await until(asked, 'running');
    const doubtful = await create({ launch: false });
    await get(SessionLifecycle).claim(doubtful);
    await input(doubtful, 'say:maybe');
    await get(SessionLifecycle).beginTurn(doubtful);
    await get(Launcher).stop();
    await module.close();
    module = await boot();
    expect((await find(id)).status).toBe('lost');
    expect(await inputs(doubtful)).toEqual(['1 unknown']);
    await resume(id);
    await said(id, 'recall: say:before\nslow:600');
    await until(id, 'idle');
    expect(await turns(id)).toEqual(['started', 'lost', 'started', 'completed']);
    const { id: again } = (await resume(doubtful, { prompt: 'say:surely' })).view.session;
    await said(again, 'surely');
    for (const each of [id, asked, again]) await get(SessionMoves).stop(ADMIN, each);
  });
});
