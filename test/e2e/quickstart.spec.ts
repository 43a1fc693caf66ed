import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '../support/eventually.js';

const SCRIPT = resolve(__dirname, '../../scripts/quickstart.mjs');

/** `npm run quickstart`, of an installed and built clone. */
class Quickstart {
  output = '';
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown[]>;

  constructor(
    readonly dataDir: string,
    args: string[],
    environment: Record<string, string> = { MUSTER_PORT: '0' },
  ) {
    const own = Object.entries(process.env).filter(([name]) => !/^(MUSTER_|FORCE_COLOR)/.test(name));
    this.child = spawn(process.execPath, [SCRIPT, ...args], {
      env: { ...Object.fromEntries(own), ...environment, MUSTER_DATA_DIR: dataDir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.closed = once(this.child, 'close');
  }

  get serverPid(): number {
    return Number(readFileSync(join(this.dataDir, 'server.pid'), 'utf8'));
  }
  get url(): string {
    return /Muster listens on (\S+)/.exec(this.output)?.[1] ?? '';
  }
  get key(): string {
    return readFileSync(join(this.dataDir, 'admin.key'), 'utf8').trim();
  }

  async serving(): Promise<void> {
    await eventually(
      () => {
        if (this.child.exitCode !== null) throw new Error(`It ended with ${this.child.exitCode}:\n${this.output}`);
        return this.output.includes('Serving until Ctrl-C');
      },
      Boolean,
      60_000,
    );
  }

  async get(path: string): Promise<any> {
    return (await fetch(this.url + path, { headers: { authorization: `Bearer ${this.key}` } })).json();
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async exitCode(): Promise<number | null> {
    await this.closed;
    return this.child.exitCode;
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('the quickstart', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'muster-quickstart-'));
  afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

  it('shows a demo agent that reads, edits and runs, and ends with --once', async () => {
    const run = new Quickstart(dataDir, ['--once']);
    expect({ code: await run.exitCode(), output: run.output }).toMatchObject({ code: 0 });
    const shown = [
      '› read:README.md',
      '◦ Read README.md',
      '✎ Write greet.sh',
      '✓ greet.sh  +1 -1',
      '$ Run sh greet.sh',
      '● done: Hello from Muster',
      'running → idle',
    ];
    for (const each of [...shown, '/api/login?code=', '/api/docs', '/api/ws', '/api/sessions/']) expect(run.output).toContain(each);
    // eslint-disable-next-line no-control-regex -- no colours where nobody sees them
    expect(run.output).not.toMatch(/\u001b/);
    expect(run.output).not.toContain(run.key);
    expect(isThere(run.serverPid)).toBe(false);
    const git = spawnSync('git', ['log', '--format=%s'], { cwd: join(dataDir, 'workspaces', 'sample'), encoding: 'utf8' });
    expect(git.stdout).toBe('chore: first files\n');
  });

  it('takes another port where its own is in use, finds its workspace again, and serves until Ctrl-C', async () => {
    const occupant = createServer().on('error', () => undefined);
    occupant.listen(4600, '127.0.0.1');
    await Promise.race([once(occupant, 'listening'), once(occupant, 'error')]);
    const run = new Quickstart(dataDir, [], {});
    try {
      await run.serving();
      expect(run.output).toContain('Port 4600 is in use');
      expect(run.output).not.toMatch(/Installing|Building/);
      expect((await run.get('/api/workspaces')).items).toHaveLength(1);
      const { items } = await run.get('/api/sessions');
      expect(items.map(({ status }: { status: string }) => status).sort()).toEqual(['idle', 'stopped']);
      const page = await fetch(/https?:\/\/\S+login\?code=\S+/.exec(run.output)?.[0] ?? '', { redirect: 'manual' });
      expect([page.status, page.headers.get('location')]).toEqual([303, '/api/docs']);
    } finally {
      run.kill('SIGINT');
      occupant.close();
    }
    expect(await run.exitCode()).toBe(0);
    expect(isThere(run.serverPid)).toBe(false);
  });

  it('leaves no server behind when it is killed', async () => {
    const run = new Quickstart(dataDir, []);
    await run.serving();
    const pid = run.serverPid;
    expect(isThere(pid)).toBe(true);
    run.kill('SIGKILL');
    await eventually(() => !isThere(pid));
  });

  it('tells why the server does not start, and fails', async () => {
    const run = new Quickstart(dataDir, ['--once'], { MUSTER_PORT: '0', MUSTER_LOG_LEVEL: 'loud' });
    expect(await run.exitCode()).toBe(1);
    expect(run.output).toContain('MUSTER_LOG_LEVEL: "loud" is not known');
    expect(run.output).not.toMatch(/^ +at /m);
  });

  it('refuses an option it does not know', async () => {
    const run = new Quickstart(join(dataDir, 'none'), ['--twice']);
    expect(await run.exitCode()).toBe(2);
    expect(run.output).toContain('--twice is not known');
    expect(existsSync(run.dataDir)).toBe(false);
  });
});
