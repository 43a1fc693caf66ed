import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NO_LIMITS } from './limits.js';
import { eventually } from './eventually.js';

const MAIN = resolve(__dirname, '../../dist/src/main.js');

/** The built server as a process of its own, to be killed. */
export class ServerProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly url: string,
    readonly key: string,
    private readonly output: { text: string },
  ) {}

  /** `program`: what Node is to run instead of the built server. */
  static async start(environment: Record<string, string>, program: readonly string[] = [MAIN]): Promise<ServerProcess> {
    if (program[0] === MAIN && !existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build.`);
    const output = { text: '' };
    const child = spawn(process.execPath, [...program], {
      env: {
        PATH: process.env.PATH,
        HOME: environment.MUSTER_DATA_DIR,
        MUSTER_PORT: '0',
        MUSTER_LOG_LEVEL: 'debug',
        // A test that wants its agents to outlive the server says so.
        MUSTER_AGENTS_ON_SHUTDOWN: 'stop',
        ...NO_LIMITS,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output.text += chunk.toString()));
    const url = await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}:\n${output.text}`);
        if (child.signalCode !== null) throw new Error(`The server was ended by ${child.signalCode}:\n${output.text}`);
        return /Muster listens on (\S+)/.exec(output.text)?.[1];
      },
      Boolean,
      30_000,
    );
    const key = environment.MUSTER_ADMIN_KEY ?? readFileSync(join(environment.MUSTER_DATA_DIR ?? '', 'admin.key'), 'utf8').trim();
    return new ServerProcess(child, url ?? '', key, output);
  }

  /** Everything it has printed. */
  get log(): string {
    return this.output.text;
  }

  async call(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Ends the process with `signal` and waits for its end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const ended = new Promise<number | null>((done) => this.child.once('exit', (code) => done(code)));
    this.child.kill(signal);
    return ended;
  }
}
