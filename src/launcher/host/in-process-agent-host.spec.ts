import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listProcesses } from '../../core/process/proc-stat.js';
import { spawnGroup } from '../../core/process/spawn-group.js';
import { eventually } from '../../../test/support/eventually.js';
import type { SpoolRecord } from './agent-host.types.js';
import { InProcessAgentHost } from './in-process-agent-host.js';
import { Spool } from './spool.js';
import { SpoolFiles } from './spool-files.js';

/** What all scripted agents share: `on(method, handler)`, answers, updates. What they say goes out line by line, without the SDK. */
const PRELUDE = `
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
const update = (text) => say({ method: 'session/update', params: { sessionId: 's', update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } } } });
const handlers = { initialize: (m) => say({ id: m.id, result: { protocolVersion: 1 } }), 'session/new': (m) => say({ id: m.id, result: { sessionId: 's' } }) };
const on = (method, handler) => { handlers[method] = handler; };
const answers = {};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.method) handlers[message.method]?.(message);
  else answers[message.id]?.(message);
}).on('close', () => handlers.eof ? handlers.eof() : process.exit(0));
`;

describe('an agent host', () => {
  let cwd: string;
  const hosts: InProcessAgentHost[] = [];

  const start = async (script: string, stopGraceMs = 2_000) => {
    writeFileSync(join(cwd, 'agent.cjs'), PRELUDE + script);
    const group = await spawnGroup({
      program: process.execPath,
      args: [join(cwd, 'agent.cjs')],
      cwd,
      env: { PATH: process.env.PATH ?? '' },
    });
    const spool = newSpool();
    const host = new InProcessAgentHost(group, { spool, stopGraceMs, debug: () => undefined });
    hosts.push(host);
    return { host, records: recordsOf(spool), group };
  };
  const newSpool = () => {
    const directory = join(cwd, `spool-${hosts.length}`);
    mkdirSync(directory);
    return new Spool(new SpoolFiles(directory), () => undefined);
  };
  /** All of a spool, as it comes. */
  const recordsOf = (spool: Spool) => {
    const records: SpoolRecord[] = [];
    spool.read(0, (batch) => {
      records.push(...batch.records.map((each) => JSON.parse(each)));
      setImmediate(() => spool.acknowledge(batch.last, batch.last + 1));
    });
    return records;
  };
  const begun = async (script: string, stopGraceMs?: number) => {
    const started = await start(script, stopGraceMs);
    await started.host.initialize();
    await started.host.newConversation({ cwd, mcpServers: [] });
    return started;
  };
  const until = (condition: () => boolean) => eventually(condition);
  const kinds = (records: readonly SpoolRecord[]) => records.map(({ kind }) => kind);
  const texts = (records: readonly SpoolRecord[]) =>
    records.flatMap((record) => (record.kind === 'update' ? [(record.update as any).content.text] : []));
  const prompt = [{ type: 'text', text: 'go' }];

  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'agent-host-'));
  });
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.stop()));
    rmSync(cwd, { recursive: true });
  });

  it('numbers what happens in the order in which it came, the answer behind its last update', async () => {
    const { host, records } = await begun(
      `on('session/prompt', (m) => { for (let i = 0; i < 3000; i++) update(String(i)); say({ id: m.id, result: { stopReason: 'end_turn', usage: { inputTokens: 1 } } }); update('late'); });`,
    );
    await host.prompt(7, prompt);
    await until(() => texts(records).includes('late'));
    expect(records.map(({ n }) => n)).toEqual(records.map((_, index) => index + 1));
    expect(texts(records).slice(0, 3000)).toEqual(Array.from({ length: 3000 }, (_, index) => String(index)));
    expect(records[0]).toMatchObject({ kind: 'prompt-started', turn: 7, text: 'go' });
    expect(records[3001]).toMatchObject({
      kind: 'prompt-finished',
      turn: 7,
      answer: { stopReason: 'end_turn', usage: { inputTokens: 1 } },
    });
    await until(() => records.at(-1)?.kind === 'quiet');
  });

  it('lives on whatever comes that is no message, or is not known', async () => {
    const { host, records } = await begun(`
      on('session/prompt', (m) => {
        process.stdout.write('garbage\\n{"half\\n[]\\n42\\n{"jsonrpc":"2.0"}\\n\\n');
        console.error('look out');
        say({ method: '_auth/status_update', params: 1 });
        say({ id: 999, result: {} });
        say({ id: 'x', method: 'fs/write_text_file', params: {} });
        answers.x = (a) => update(String(a.error.code));
        say({ id: 'y', method: 'craft/what' });
        answers.y = (a) => { update(String(a.error.code)); say({ id: m.id, error: { code: -32603, message: 'no', data: { details: 'why' } } }); };
      });`);
    await host.prompt(1, prompt);
    await until(() => kinds(records).includes('prompt-finished') && kinds(records).filter((kind) => kind === 'output').length === 6);
    expect(records.flatMap((each) => (each.kind === 'output' && each.stream === 'stdout' ? [each.text] : []))).toEqual([
      'garbage',
      '{"half',
      '[]',
      '42',
      '{"jsonrpc":"2.0"}',
    ]);
    expect(texts(records)).toEqual(['-32601', '-32601']);
    expect(records.find(({ kind }) => kind === 'prompt-finished')).toMatchObject({
      answer: { error: { code: -32603, message: 'no', data: { details: 'why' } } },
    });
  });

  it('hands permissions out, answers them once, and cancels them with the prompt', async () => {
    const ask = `say({ id: 'p', method: 'session/request_permission', params: { sessionId: 's', toolCall: { toolCallId: 't' }, options: [{ optionId: 'o', name: 'O', kind: 'allow_once' }] } }); answers.p = (a) => update(JSON.stringify(a.result.outcome));`;
    const { host, records } = await begun(
      `on('session/prompt', (m) => { globalThis.id = m.id; ${ask} }); on('session/cancel', () => setTimeout(() => say({ id: globalThis.id, result: { stopReason: 'cancelled' } }), 20));`,
    );
    await host.prompt(1, prompt);
    await until(() => kinds(records).includes('permission'));
    const [permission] = records.filter((each) => each.kind === 'permission');
    await host.decide(permission?.requestId ?? '', 'o');
    await host.decide(permission?.requestId ?? '', null);
    await until(() => texts(records).length === 1);
    await host.cancel();
    await until(() => kinds(records).includes('prompt-finished'));
    await host.prompt(2, prompt);
    await until(() => kinds(records).filter((kind) => kind === 'permission').length === 2);
    await host.cancel();
    await until(() => kinds(records).filter((kind) => kind === 'prompt-finished').length === 2);
    expect(texts(records)).toEqual(['{"outcome":"selected","optionId":"o"}', '{"outcome":"cancelled"}']);
  });

  it('discards what is replayed, and nothing behind it', async () => {
    const { host, records } = await start(`on('session/load', (m) => { update('old'); say({ id: m.id, result: {} }); update('new'); });`);
    await host.initialize();
    await host.resumeConversation('s', 'load', { cwd, mcpServers: [] });
    await until(() => records.length > 0);
    expect(texts(records)).toEqual(['new']);
  });

  it('says that the agent is gone, to who waits for an answer too; the exit is the last record', async () => {
    const { host, records } = await begun(
      `on('session/prompt', () => { update('last'); console.error('dying'); process.stdout.write('', () => process.exit(9)); });`,
    );
    await host.prompt(1, prompt);
    expect(await host.exited).toEqual({ code: 9, signal: null, stderr: 'dying', survivors: [] });
    await until(() => kinds(records).at(-1) === 'exit');
    expect(texts(records)).toEqual(['last']);
    await expect(host.setMode('x')).rejects.toMatchObject({ name: 'AgentGoneError' });
    await expect(host.prompt(2, prompt)).rejects.toMatchObject({ name: 'AgentGoneError' });
  });

  it('refuses an agent of another protocol version, and passes on what an agent refuses', async () => {
    const { host } = await start(
      `on('initialize', (m) => say({ id: m.id, result: { protocolVersion: 99 } })); on('session/new', (m) => say({ id: m.id, error: { code: -32000, message: 'sign in' } }));`,
    );
    await expect(host.initialize()).rejects.toThrow('version 99');
    await expect(host.newConversation({ cwd, mcpServers: [] })).rejects.toMatchObject({
      code: -32000,
      message: 'sign in',
      method: 'session/new',
    });
  });

  it('ends an agent that hangs up, that ignores the end of its input, or that does not heed signals', async () => {
    const closing = await begun(
      `on('session/prompt', () => { require('node:fs').closeSync(1); setInterval(() => {}, 1000); }); on('eof', () => {});`,
    );
    await closing.host.prompt(1, prompt);
    expect(await closing.host.exited).toMatchObject({ signal: 'SIGTERM' });
    const deaf = await begun(`on('eof', () => {}); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`, 100);
    expect(await deaf.host.stop()).toMatchObject({ signal: 'SIGKILL' });
    const polite = await begun('');
    expect(await polite.host.stop()).toMatchObject({ code: 0 });
  });

  it('leaves nothing of an agent behind that crashed over a command with a session of its own', async () => {
    const { host, records } = await begun(`
      on('session/prompt', () => { const c = require('node:child_process').spawn('sleep', ['611'], { detached: true }); update(String(c.pid)); });`);
    await host.prompt(1, prompt);
    await until(() => texts(records).length === 1);
    const pid = Number(texts(records)[0]);
    await until(() => (host as any).processes.members.known.has(pid));
    process.kill(host.process.pid, 'SIGKILL');
    await host.exited;
    expect(listProcesses().some((each) => each.pid === pid && each.state !== 'Z')).toBe(false);
  });

  it('does not read an agent on while nobody takes what it said, and loses nothing of it', async () => {
    writeFileSync(
      join(cwd, 'agent.cjs'),
      `${PRELUDE} on('session/prompt', (m) => { for (let i = 0; i < 80; i++) update(i + 'x'.repeat(1024 * 1024)); say({ id: m.id, result: { stopReason: 'end_turn' } }); });`,
    );
    const group = await spawnGroup({
      program: process.execPath,
      args: [join(cwd, 'agent.cjs')],
      cwd,
      env: { PATH: process.env.PATH ?? '' },
    });
    const spool = newSpool();
    const host = new InProcessAgentHost(group, { spool, stopGraceMs: 1_000, debug: () => undefined });
    hosts.push(host);
    await host.initialize();
    await host.newConversation({ cwd, mcpServers: [] });
    await host.prompt(1, prompt);
    await until(() => spool.isFull);
    expect(spool.last).toBeLessThan(70);
    const records = recordsOf(spool);
    await until(() => kinds(records).includes('prompt-finished'));
    expect(records.map(({ n }) => n)).toEqual(records.map((_, index) => index + 1));
    expect(texts(records).map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: 80 }, (_, index) => index));
  });

  it('sends the prompt of a turn once, however often it is asked to', async () => {
    const { host, records } = await begun(
      `on('session/prompt', (m) => { update('taken'); setTimeout(() => say({ id: m.id, result: { stopReason: 'end_turn' } }), 20); });`,
    );
    await Promise.all([host.prompt(3, prompt), host.prompt(3, prompt)]);
    await until(() => kinds(records).includes('prompt-finished'));
    await host.prompt(3, prompt);
    await host.prompt(2, prompt);
    await host.prompt(4, prompt);
    await until(() => kinds(records).filter((kind) => kind === 'prompt-finished').length === 2);
    expect(texts(records)).toEqual(['taken', 'taken']);
    expect(host.lastTurn).toBe(4);
  });
});
