import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, isRequired, type TestDatabase } from '../support/databases.js';
import { eventually } from '../support/eventually.js';
import { ServerProcess } from '../support/server-process.js';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace && isRequired('strace')) throw new Error('MUSTER_TEST_REQUIRE names strace, but it is not installed.');

interface Call {
  readonly name: string;
  readonly text: string;
}

/** What the threads of `pid` asked of the kernel while `run` ran, in the order in which it was done. */
async function callsOf(pid: number, run: () => Promise<void>): Promise<Call[]> {
  const directory = mkdtempSync(join(tmpdir(), 'muster-strace-'));
  const file = join(directory, 'out');
  const calls = 'read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync';
  const strace = spawn('strace', ['-f', '-y', '-s', '20000', '-e', `trace=${calls}`, '-o', file, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  strace.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    await eventually(() => said.includes(`Process ${pid} attached`));
    await run();
  } finally {
    const ended = new Promise((done) => strace.once('exit', done));
    strace.kill('SIGINT');
    await ended;
  }
  const found: Call[] = [];
  const begun = new Map<string, string>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    // Another thread spoke in the middle of it: what counts is when it was done.
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(thread, rest);
      continue;
    }
    const text = rest.startsWith('<... ') ? (begun.get(thread) ?? '') + rest : rest;
    found.push({ name: /^\w+/.exec(text)?.[0] ?? '', text });
  }
  rmSync(directory, { recursive: true });
  return found;
}

(hasStrace ? describe : describe.skip)(`an append on sqlite${hasStrace ? '' : ' (skipped: strace is not installed)'}`, () => {
  let database: TestDatabase;
  let server: ServerProcess;
  beforeAll(async () => {
    database = await createDatabase('sqlite');
    server = await ServerProcess.start(database.environment);
  });
  afterAll(async () => {
    await server?.end();
    await database.drop();
  });

  it('is answered only after its pages are written to the log of the database and that is synced', async () => {
    const { id: sessionId } = (await server.call('POST', '/api/sessions', { runtime: 'external' })).body;
    const ids = ['proof-of-sync-1', 'proof-of-sync-2', 'proof-of-sync-3'];
    const calls = await callsOf(server.child.pid ?? 0, async () => {
      for (const id of ids) {
        const { status } = await server.call('POST', `/api/sessions/${sessionId}/events`, {
          id,
          type: 'log',
          payload: { level: 'info', text: id },
        });
        expect(status).toBe(201);
      }
    });
    for (const id of ids) {
      const from = (start: number, test: (call: Call) => boolean): number => {
        const at = calls.findIndex((call, index) => index >= start && test(call));
        if (at < 0) throw new Error(`not found after ${start}:\n${calls.map(({ text }) => text.slice(0, 200)).join('\n')}`);
        return at;
      };
      const isSocket = ({ text }: Call) => /^\w+\(\d+<(TCP|socket)/.test(text);
      const ofLog = ({ text }: Call) => /^\w+\(\d+<[^>]*\/muster\.db-wal>/.test(text);
      const isDone = ({ text }: Call) => / = 0$/.test(text);
      const asked = from(0, (call) => isSocket(call) && /^(read|recv)/.test(call.name) && call.text.includes(id));
      const written = from(asked, (call) => call.name === 'pwrite64' && ofLog(call) && call.text.includes(id));
      const answered = from(asked, (call) => isSocket(call) && /^(write|send)/.test(call.name) && call.text.includes(id));
      const synced = calls.findIndex((call, index) => index > written && /^f(data)?sync$/.test(call.name) && ofLog(call) && isDone(call));
      expect({ id, order: [asked < written, written < synced, synced < answered] }).toEqual({ id, order: [true, true, true] });
    }
  });
});
