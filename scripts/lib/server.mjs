/** A server that a script starts and ends. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inProject, ROOT } from './project.mjs';
import { Problem } from './terminal.mjs';

const READY_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 50;
/** Longer than the server's own patience with requests and agents (MUSTER_SHUTDOWN_GRACE_MS, MUSTER_AGENT_STOP_GRACE_MS). */
const STOPPED_WITHIN_MS = 30_000;
const LAST_LINES = 12;

export class Server {
  /** Where the server's log goes. */
  logFile;
  /** Resolves `{code, signal}` when the process is gone. */
  exited;
  #child;
  #lines = [];
  #stdout = '';
  #isGone = false;

  /** Starts `dist/src/main.js` in a process group of its own, so that Ctrl-C reaches it through {@link stop} only. */
  constructor({ dataDir, env }) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.logFile = join(dataDir, 'server.log');
    const log = createWriteStream(this.logFile, { flags: 'a', mode: 0o600 });
    this.#child = spawn(process.execPath, ['--require', inProject('scripts', 'lib', 'leash.cjs'), inProject('dist', 'src', 'main.js')], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => (this.#stdout += text));
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      log.write(text);
      this.#lines = [...this.#lines, ...text.split('\n')].filter(Boolean).slice(-LAST_LINES);
    });
    this.exited = new Promise((resolve) => {
      const end = (code, signal) => {
        this.#isGone = true;
        log.end();
        resolve({ code, signal });
      };
      this.#child.once('close', end);
      this.#child.once('error', (error) => {
        this.#lines.push(String(error));
        end(1, null);
      });
    });
  }

  get isGone() {
    return this.#isGone;
  }

  /** What the server prints for the person who started it: its address, and the link that signs a browser in. */
  get greeting() {
    return this.#stdout.trimEnd();
  }

  /** Resolves with the server's URL once it answers that it is ready. @throws Problem where it ends before, or takes too long */
  async ready({ host, port, hasPublicUrl }, signal) {
    const until = performance.now() + READY_WITHIN_MS;
    while (performance.now() < until && !this.#isGone && !signal.aborted) {
      const greeted = /^Muster listens on (\S+)\n/.exec(this.#stdout)?.[1];
      const url = greeted && (hasPublicUrl && port !== '0' ? urlOf(host, port) : greeted);
      if (url && (await isReady(url))) return url;
      await Promise.race([sleep(ASK_AGAIN_MS), this.exited]);
    }
    if (signal.aborted) throw signal.reason;
    if (this.#isGone)
      throw new Problem(
        `The server did not start. ${this.#lastWords() ?? `Its last lines:\n${this.lastLines()}`}`,
        `Its whole log: ${this.logFile}`,
      );
    throw new Problem(`The server was not ready after ${READY_WITHIN_MS / 1000} s:\n${this.lastLines()}`, `Its whole log: ${this.logFile}`);
  }

  /** What the server says to people where it gives up; everything else of it is a log. */
  #lastWords() {
    const at = this.#lines.findLastIndex((line) => line.startsWith('muster: '));
    return at < 0 ? undefined : this.#lines.slice(at).join('\n').slice('muster: '.length);
  }

  lastLines() {
    return this.#lines.map((line) => `  ${line}`).join('\n');
  }

  /** Ends the server in good order and resolves when it is gone; by force where that takes too long, or at once. */
  async stop({ isForced = false } = {}) {
    if (this.#isGone) return this.exited;
    this.#child.kill(isForced ? 'SIGKILL' : 'SIGTERM');
    const isLate = await Promise.race([this.exited.then(() => false), sleep(STOPPED_WITHIN_MS, true, { ref: false })]);
    if (isLate) this.#child.kill('SIGKILL');
    return this.exited;
  }
}

/** An address that means "all of mine" can't be called. */
function urlOf(host, port) {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

async function isReady(url) {
  try {
    const { ok } = await fetch(`${url}/api/health/ready`, { signal: AbortSignal.timeout(5_000) });
    return ok;
  } catch {
    return false; // Not yet.
  }
}
