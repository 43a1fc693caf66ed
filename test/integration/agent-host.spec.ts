import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { isAlive } from '../../src/core/process/proc-stat.js';
import type { SpoolRecord } from '../../src/launcher/host/agent-host.types.js';
import { type HostAddress, HostHoleError, RemoteAgentHost } from '../../src/launcher/host/remote-agent-host.js';
import { removeHost, spawnShim } from '../../src/launcher/host/shim-spawner.js';
import { eventually } from '../support/eventually.js';
import { processesWith } from '../support/processes.js';

const LOUD = resolve(__dirname, '../support/loud-agent.cjs');
const DEMO = resolve(__dirname, '../../dist/src/agents/demo/demo-agent.main.js');

describe('an agent behind a shim', () => {
  let root: string;
  let sessions = 0;
  const left: HostAddress[] = [];

  const spawn = async (program = LOUD, more: object = {}): Promise<HostAddress> => {
    const sessionId = `test-${process.pid}-${++sessions}`;
    const env = { PATH: process.env.PATH ?? '', MUSTER_SESSION_ID: sessionId, DEMO_AGENT_HOME: join(root, 'demo') };
    const address = await spawnShim({
      ...{ id: `host-${sessions}`, sessionId, root, marks: { MUSTER_SESSION_ID: sessionId }, stopGraceMs: 1_000, lingerMs: 60_000 },
      agent: { program: process.execPath, args: [program], cwd: root, env },
      ...more,
    });
    left.push(address);
    return address;
  };
  const reach = (address: HostAddress, after = 0) => RemoteAgentHost.reach(address, { after, stopGraceMs: 1_000, debug: () => undefined });
  const taking = (host: RemoteAgentHost) => {
    const records: SpoolRecord[] = [];
    host.attach(async (batch) => {
      records.push(...batch);
      return 1;
    });
    return records;
  };
  const opened = async (address: HostAddress) => {
    const host = await reach(address);
    const records = taking(host);
    await host.initialize();
    await host.newConversation({ cwd: root, mcpServers: [] });
    return { host, records };
  };
  const steps = (list: object[]) => [{ type: 'text', text: JSON.stringify(list) }];
  const kinds = (records: readonly SpoolRecord[]) => records.map(({ kind }) => kind);
  const numbers = (records: readonly SpoolRecord[]) => records.map(({ n }) => n);
  const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, index) => index + from);
  /** Says lines to a shim, as somebody else might, and gives back what it answers until it hangs up. */
  const converse = async (address: HostAddress, ...lines: unknown[]): Promise<any[]> => {
    const socket = connect(address.socket);
    lines.forEach((line) => socket.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`));
    const answers: any[] = [];
    for await (const line of createInterface({ input: socket })) answers.push(JSON.parse(line));
    return answers;
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'host-'));
  });
  afterEach(async () => {
    for (const address of left.splice(0)) {
      if (existsSync(address.directory)) {
        const host = await reach(address).catch(() => null);
        if (host) taking(host);
        await host?.stop();
      }
      removeHost(address);
      expect(processesWith(`MUSTER_SESSION_ID=${address.sessionId}`)).toEqual([]);
    }
    rmSync(root, { recursive: true, force: true });
  });

  it('listens only to who knows its token, speaks its version and says hello first', async () => {
    const address = await spawn();
    const { token } = address;
    const refused = (reason: RegExp) => [{ type: 'refused', reason: expect.stringMatching(reason) }];
    expect(await converse(address, { type: 'hello', version: 1, token: `${token}x` })).toEqual(refused(/token/));
    expect(await converse(address, { type: 'hello', version: 2, token })).toEqual(refused(/version 1/));
    expect(await converse(address, { type: 'read', after: 0 })).toEqual(refused(/hello/));
    expect(await converse(address, 'GET / HTTP/1.1')).toEqual(refused(/no message/));
    expect(await converse(address, { type: 'hello', version: 1, token: '' }, { type: 'read', after: 0 })).toEqual(refused(/token/));
    expect(isAlive(address.process)).toBe(true);
    expect([statSync(address.socket).mode & 0o777, statSync(dirname(address.socket)).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  it('delivers each record once and in order, whatever becomes of the connection', async () => {
    const address = await spawn();
    const { host, records } = await opened(address);
    await host.prompt(1, steps([{ stream: { pieces: 5_000, size: 50 } }]));
    for (let cut = 0; cut < 5; cut++) {
      const before = records.length;
      await eventually(() => records.length > before || kinds(records).includes('prompt-finished'));
      (host as any).link?.close();
    }
    await host.prompt(1, steps([{ stream: { pieces: 5_000, size: 50 } }]));
    await eventually(() => kinds(records).includes('prompt-finished'));
    expect(numbers(records)).toEqual(upTo(5_002));
    expect((await host.stop()).code).toBe(0);
    expect(numbers(records)).toEqual(upTo(5_003));
    expect([isAlive(address.shim), isAlive(address.process)]).toEqual([false, false]);
  });

  it('goes on without a server, and gives the next one what follows what was taken', async () => {
    const go = join(root, 'go');
    const address = await spawn();
    const { host, records } = await opened(address);
    await host.prompt(1, steps([{ stream: { pieces: 10, size: 50 } }, { wait: go }, { stream: { pieces: 10, size: 50 } }]));
    await eventually(() => records.length === 11);
    await host.leave();
    writeFileSync(go, '');
    await eventually(() => readFileSync(join(address.directory, 'spool-000000000001.jsonl'), 'utf8').includes('prompt-finished'));
    expect(records).toHaveLength(11);
    const next = await reach(address, 6);
    expect([next.lastTurn, next.wasGone]).toEqual([1, false]);
    const others = taking(next);
    await eventually(() => kinds(others).includes('prompt-finished'));
    expect(numbers(others)).toEqual(upTo(22, 7));
    await expect(reach(address, 23)).rejects.toThrow(HostHoleError);
  });

  it('holds a permission request while nobody is there, and takes its answer once', async () => {
    const address = await spawn(DEMO);
    const { host, records } = await opened(address);
    await host.prompt(1, [{ type: 'text', text: 'run:echo x >> ran' }]);
    await eventually(() => kinds(records).includes('permission'));
    await host.leave();
    const next = await reach(address, 0);
    const others = taking(next);
    await eventually(() => kinds(others).includes('permission'));
    const asked = others.find((each) => each.kind === 'permission');
    for (let time = 0; time < 3; time++) await next.decide(asked?.requestId ?? '', 'allow_once');
    await eventually(() => kinds(others).includes('prompt-finished'));
    expect(readFileSync(join(root, 'ran'), 'utf8')).toBe('x\n');
  });

  it('leaves what it had on disk where it is killed, and nothing that runs', async () => {
    const address = await spawn();
    const { host, records } = await opened(address);
    await host.prompt(1, steps([{ stream: { pieces: 10, size: 50 } }, { hang: true }]));
    await eventually(() => records.length === 11);
    await host.leave();
    process.kill(address.shim.pid, 'SIGKILL');
    await eventually(() => !isAlive(address.shim));
    const next = await reach(address, 4);
    const others = taking(next);
    expect(await next.exited).toMatchObject({ code: null, signal: null, isUnseen: true });
    expect(numbers(others)).toEqual(upTo(12, 5));
    expect(others.at(-1)).toMatchObject({ kind: 'exit', isUnseen: true });
    expect(isAlive(address.process)).toBe(false);
    await expect(next.prompt(2, steps([]))).rejects.toMatchObject({ name: 'AgentGoneError' });
  });

  it('is ended where it does not answer any more', async () => {
    const address = await spawn();
    const { host, records } = await opened(address);
    process.kill(address.shim.pid, 'SIGSTOP');
    expect(await host.stop()).toMatchObject({ isUnseen: true });
    expect(kinds(records)).toEqual(['exit']);
    expect([isAlive(address.shim), isAlive(address.process)]).toEqual([false, false]);
  }, 60_000);

  it('has a short path for its socket where that of the data directory is too long', async () => {
    const long = join(root, 'd'.repeat(120));
    mkdirSync(long);
    const address = await spawn(LOUD, { root: long });
    expect(Buffer.byteLength(address.socket)).toBeLessThan(108);
    expect(address.socket.startsWith(long)).toBe(false);
    expect([statSync(address.socket).mode & 0o777, statSync(dirname(address.socket)).mode & 0o777]).toEqual([0o600, 0o700]);
    const { host } = await opened(address);
    await host.stop();
    removeHost(address);
    expect(existsSync(dirname(address.socket))).toBe(false);
  });

  it('tells why an agent could not be started, and leaves nothing', async () => {
    const agent = { program: '/etc/passwd', args: [], cwd: root, env: {} };
    await expect(spawn(LOUD, { agent })).rejects.toMatchObject({ name: 'SpawnError', code: 'EACCES' });
    expect(existsSync(join(root, `host-${sessions}`))).toBe(false);
  });
});
