import { fork } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { createDatabase } from './databases.mjs';
import { asker, cpuOf, ended, residentOf } from './processes.mjs';

const ENTRY = resolve(import.meta.dirname, 'entry.mjs');

/** Everything that refuses by number is off: what is measured is the work. */
const LIMITS_OFF = Object.fromEntries(
  [
    'LIMIT_READ_PER_MINUTE',
    'LIMIT_WRITE_PER_MINUTE',
    'LIMIT_LAUNCH_PER_MINUTE',
    'LIMIT_APPEND_PER_SECOND',
    'LIMIT_LOGIN_PER_MINUTE',
    'LIMIT_FAILED_ATTEMPTS_PER_MINUTE',
    'LIMIT_STREAMS_PER_PRINCIPAL',
    'MAX_CONNECTIONS',
    'MAX_CONNECTIONS_PER_ADDRESS',
  ].map((name) => [`MUSTER_${name}`, '0']),
);

/** More than its grace at shutdown. */
const STOP_MS = 20_000;

/** What the server says, but not a thousand times. */
const MOST_LINES = 3;
function tellSome(stream) {
  let lines = 0;
  createInterface({ input: stream }).on('line', (line) => {
    if (++lines <= MOST_LINES) console.error(line);
  });
  stream.once('close', () => lines > MOST_LINES && console.error(`… and ${lines - MOST_LINES} more lines of the server`));
}

/** A server in a process of its own, with a member's key and `sessions` external sessions in one workspace. */
export class Server {
  static #running = new Set();
  #admin;

  constructor(child, url, database) {
    this.child = child;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.database = database;
    this.ask = asker(child);
    this.#admin = readFileSync(join(database.dataDir, 'admin.key'), 'utf8').trim();
  }

  /**
   * `replace`: what of it answers without doing its work, see entry.mjs. `tune`: other bounds of realtime delivery. `after`: a server that
   * was stopped and whose database, sessions and key this one goes on with.
   */
  static async start({ options, dialect, replace = '', tune = {}, after, nodeArguments = [], sessions = 100, environment = {} }) {
    const own = after?.database ?? (await createDatabase(dialect, options.postgresUrl));
    const child = fork(ENTRY, [], {
      execArgv: nodeArguments,
      env: {
        PATH: process.env.PATH,
        HOME: own.dataDir,
        MUSTER_DATA_DIR: own.dataDir,
        MUSTER_WORKSPACE_ROOTS: own.dataDir,
        MUSTER_PORT: '0',
        MUSTER_LOG_LEVEL: 'warn',
        ...LIMITS_OFF,
        ...own.environment,
        ...environment,
        BENCH_REPLACE: replace,
        BENCH_PROFILE_DIR: options.profileDir ? resolve(options.profileDir) : '',
        BENCH_TUNE: JSON.stringify(tune),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    tellSome(child.stderr);
    Server.#running.add(child);
    child.once('exit', () => Server.#running.delete(child));
    const url = await new Promise((done, fail) => {
      child.once('message', (message) => done(message.url));
      child.once('exit', (code) => fail(new Error(`The server ended with ${code}. Is it built? npm run build.`)));
    });
    const server = new Server(child, url, own);
    if (after) Object.assign(server, { key: after.key, sessions: after.sessions });
    else await server.#populate(sessions);
    await server.ask({ what: 'replace' });
    return server;
  }

  /** For a run that is cut short. */
  static async killAll() {
    await Promise.all([...Server.#running].map((child) => (child.kill('SIGKILL'), ended(child))));
  }

  get cpu() {
    return cpuOf(this.child.pid);
  }

  get resident() {
    return residentOf(this.child.pid);
  }

  /** Bytes in use after a full collection; the server must run with --expose-gc. */
  memory() {
    return this.ask({ what: 'memory' });
  }

  async call(path, body, { method = 'POST', key = this.key ?? this.#admin } = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async #populate(count) {
    const key = this.#admin;
    const path = join(this.database.dataDir, 'project');
    mkdirSync(path, { recursive: true });
    const { id: workspaceId } = await this.call('/api/workspaces', { path });
    await this.call(`/api/workspaces/${workspaceId}/members/user:bench`, { role: 'editor' }, { method: 'PUT', key });
    ({ secret: this.key } = await this.call('/api/keys', { name: 'bench', principalId: 'user:bench' }, { key }));
    this.sessions = [];
    for (let at = 0; at < count; at++) {
      const { id } = await this.call('/api/sessions', { runtime: 'external', workspaceId });
      this.sessions.push(id);
    }
  }

  /** Ends the process; the database goes too, unless it is somebody else's. */
  async stop({ keep = false } = {}) {
    this.child.kill('SIGTERM');
    const cut = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await ended(this.child);
    clearTimeout(cut);
    if (!keep) await this.database.drop();
  }
}
