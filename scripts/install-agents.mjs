#!/usr/bin/env node
// Installs the real coding agents that the agent tests drive. No dependencies; run it with Node 20.19 or newer.
//
//   node scripts/install-agents.mjs [NAME…]            install what is missing (claude-code, codex, opencode)
//   node scripts/install-agents.mjs --check [NAME…]    say as JSON what is there; exit code 1 if any is missing
//
// Each agent gets a folder of its own below $MUSTER_TEST_AGENTS_DIR, by default ~/.cache/muster/agents (1.2 GB in all;
// $XDG_CACHE_HOME is respected). It is installed into a temporary folder, started once, and only then moved to its place: a
// folder that has its name is complete, and an installer that was killed half-way leaves nothing that looks so.
// Install scripts of packages do not run: the agents' native binaries come as packages and are called where they lie.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * `entry` starts the agent as an ACP server, `binary` lists the native programs it could need, best first (the first that runs is
 * taken). A path that ends in .js is run by this Node.
 */
const AGENTS = [
  {
    name: 'claude-code',
    package: '@agentclientprotocol/claude-agent-acp',
    version: '0.100.0',
    megabytes: 391,
    entry: ['node_modules/@agentclientprotocol/claude-agent-acp/dist/index.js'],
    probe: [['node_modules/@agentclientprotocol/claude-agent-acp/dist/index.js', '--cli', '--version']],
  },
  {
    name: 'codex',
    package: '@agentclientprotocol/codex-acp',
    version: '2.6.0',
    megabytes: 457,
    entry: ['node_modules/@agentclientprotocol/codex-acp/dist/index.js'],
    probe: [['node_modules/@openai/codex/bin/codex.js', '--version']],
  },
  {
    name: 'opencode',
    package: 'opencode-ai',
    version: '1.18.33',
    megabytes: 354,
    entry: ['BINARY', 'acp'],
    probe: ['', '-baseline', '-musl', '-baseline-musl'].map((variant) => [
      `node_modules/opencode-${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}${variant}/bin/opencode${process.platform === 'win32' ? '.exe' : ''}`,
      '--version',
    ]),
  },
];

const MARKER = 'muster-agent.json';
const NPM_TIME_LIMIT_MS = 15 * 60_000;
const PROBE_TIME_LIMIT_MS = 60_000;
const PROGRESS_MS = 15_000;
const ABANDONED_AFTER_MS = 24 * 3_600_000;

const directory = resolve(
  process.env.MUSTER_TEST_AGENTS_DIR || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'muster', 'agents'),
);
const folderOf = (agent) =>
  join(directory, `${agent.package.replace('@', '').replace('/', '-')}@${agent.version}-${process.platform}-${process.arch}`);

/** A failure that the user can do something about. */
class InstallError extends Error {
  constructor(problem, output, remedy) {
    super([problem, ...output.map((line) => `  | ${line}`), `Remedy: ${remedy}`].join('\n'));
  }
}

const say = (line) => process.stderr.write(`${line}\n`);
const seconds = (since) => `${Math.round((performance.now() - since) / 1000)} s`;

/** The marker of a complete installation, or undefined. */
function installed(agent) {
  const folder = folderOf(agent);
  try {
    const marker = JSON.parse(readFileSync(join(folder, MARKER), 'utf8'));
    if (marker.package !== agent.package || marker.version !== agent.version) return undefined;
    return existsSync(join(folder, marker.command[0])) ? marker : undefined;
  } catch {
    return undefined;
  }
}

function report(agents) {
  const remedy = 'node scripts/install-agents.mjs';
  return {
    directory,
    agents: agents.map((agent) => {
      const marker = installed(agent);
      const folder = folderOf(agent);
      const command = marker && absolute(folder, marker.command);
      return { name: agent.name, package: agent.package, version: agent.version, folder, installed: Boolean(marker), command, remedy };
    }),
  };
}

/** The command with its path made absolute, and this Node in front where it is JavaScript. */
const absolute = (folder, [path, ...rest]) => [
  ...(path.endsWith('.js') ? [process.execPath] : []),
  join(folder, ...path.split('/')),
  ...rest,
];

// ---- processes -------------------------------------------------------------------------------------

const running = new Set();

function endGroup(child, signal) {
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it is gone, which is what was wanted
  }
}

/** Runs a command in a process group of its own and gives {code, output: last lines}. Never rejects. */
function run([command, ...args], { cwd, limitMs, shell = false, env = process.env }) {
  return new Promise((settle) => {
    const child = spawn(command, args, { cwd, env, shell, detached: process.platform !== 'win32', stdio: ['ignore', 'pipe', 'pipe'] });
    const lines = [];
    const keep = (chunk) => {
      lines.push(...String(chunk).split(/\r?\n/).filter(Boolean));
      lines.splice(0, Math.max(0, lines.length - 40));
    };
    const timer = setTimeout(() => {
      keep(`stopped after ${limitMs / 1000} s`);
      endGroup(child, 'SIGKILL');
    }, limitMs);
    running.add(child);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const done = (code) => {
      clearTimeout(timer);
      running.delete(child);
      settle({ code, output: lines });
    };
    child.on('error', (error) => {
      keep(error.message);
      done(-1);
    });
    child.on('close', (code, signal) => done(code ?? signal));
  });
}

/** npm as it was used to start this script, else the one on PATH. */
function npm(args) {
  const script = process.env.npm_execpath;
  if (script && basename(script) === 'npm-cli.js' && existsSync(script))
    return { command: [process.execPath, script, ...args], shell: false };
  return { command: ['npm', ...args], shell: process.platform === 'win32' };
}

// ---- installing ------------------------------------------------------------------------------------

const temporary = new Set();

function temporaryFolder(agent) {
  const folder = join(directory, `.tmp-${agent.name}-${hostname()}-${process.pid}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  temporary.add(folder);
  return folder;
}

/** Removes what killed installers left: of a process of this host that is gone, or older than a day. */
function removeAbandoned() {
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const match = /^\.tmp-[a-z-]+?-(.*)-(\d+)$/.exec(name);
    if (!match) continue;
    const folder = join(directory, name);
    const dead = match[1].endsWith(hostname()) && !alive(Number(match[2]));
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (dead || age > ABANDONED_AFTER_MS) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The first probe whose program starts and says a version. */
async function workingProbe(agent, folder) {
  const failures = [];
  for (const probe of agent.probe) {
    if (!existsSync(join(folder, probe[0]))) continue;
    const env = { ...process.env, HOME: join(folder, '.probe'), DISABLE_AUTOUPDATER: '1', OPENCODE_DISABLE_AUTOUPDATE: '1' };
    const { code, output } = await run(absolute(folder, probe), { cwd: folder, env, limitMs: PROBE_TIME_LIMIT_MS });
    if (code === 0 && output.some((line) => /\d+\.\d+\.\d+/.test(line))) return probe;
    failures.push(`${probe.join(' ')}: exit ${code}`, ...output.slice(-5));
  }
  throw new InstallError(
    `${agent.package}@${agent.version} was installed, but its program does not start on ${process.platform} ${process.arch}.`,
    failures.length ? failures : ['npm brought no program for this platform (an optional dependency)'],
    'check that npm may install optional dependencies (npm config get omit), and the platforms the package supports.',
  );
}

async function install(agent) {
  const what = `${agent.package}@${agent.version}`;
  const start = performance.now();
  const folder = temporaryFolder(agent);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: { [agent.package]: agent.version } }));
  say(`${agent.name}: installing ${what} (about ${agent.megabytes} MB)`);
  const { command, shell } = npm(
    ['install', '--ignore-scripts', '--include=optional', '--global=false', '--engine-strict=false', '--omit=dev'].concat([
      '--no-package-lock',
      '--no-audit',
      '--no-fund',
      '--no-progress',
      '--loglevel=warn',
      `--prefix=${shellQuoted(folder)}`,
    ]),
  );
  const ticking = new AbortController();
  const ticks = tick(() => say(`${agent.name}: still installing, ${seconds(start)}`), ticking.signal);
  const { code, output } = await run(command, { cwd: folder, shell, limitMs: NPM_TIME_LIMIT_MS });
  ticking.abort();
  await ticks;
  if (code !== 0)
    throw new InstallError(
      `npm could not install ${what} (exit ${code}).`,
      errorLines(output),
      'check the network and the registry (npm config get registry; npm ping) and the free disk space, then run this again.',
    );
  const [program] = await workingProbe(agent, folder);
  rmSync(join(folder, '.probe'), { recursive: true, force: true });
  const marker = {
    name: agent.name,
    package: agent.package,
    version: agent.version,
    command: agent.entry.map((word) => (word === 'BINARY' ? program : word)),
  };
  writeFileSync(join(folder, MARKER), `${JSON.stringify(marker, null, 2)}\n`);
  moveIntoPlace(agent, folder);
  say(`${agent.name}: ready in ${seconds(start)}: ${folderOf(agent)}`);
}

/** What npm says went wrong, without stack frames; all of its last lines where it does not say "error". */
function errorLines(output) {
  const errors = output.filter((line) => /^npm error\s+(?!at )\S/.test(line));
  return errors.length ? errors.slice(0, 12) : output.slice(-12);
}

const shellQuoted = (path) => (process.platform === 'win32' ? `"${path}"` : path);

async function tick(work, signal) {
  for (;;) {
    const goesOn = await sleep(PROGRESS_MS, true, { signal }).catch(() => false);
    if (!goesOn) return;
    work();
  }
}

/** A rename is all or nothing. Where another installer was faster, its result stays. */
function moveIntoPlace(agent, from) {
  const to = folderOf(agent);
  if (!installed(agent)) {
    if (existsSync(to)) renameSync(to, join(from, '.replaced')); // broken by hand; goes with the temporary name below
    try {
      renameSync(from, to);
    } catch (error) {
      if (!installed(agent)) throw error;
    }
  }
  rmSync(join(to, '.replaced'), { recursive: true, force: true });
  rmSync(from, { recursive: true, force: true });
  temporary.delete(from);
}

function cleanUp() {
  for (const child of running) endGroup(child, 'SIGKILL');
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

// ---- command line ----------------------------------------------------------------------------------

const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));
const wrong = [...flags.filter((flag) => flag !== '--check'), ...names.filter((name) => !AGENTS.some((agent) => agent.name === name))];
if (wrong.length) {
  say(`Not known: ${wrong.join(' ')}. Use: node scripts/install-agents.mjs [--check] [${AGENTS.map((agent) => agent.name).join('|')}…]`);
  process.exit(2);
}
const wanted = AGENTS.filter((agent) => names.length === 0 || names.includes(agent.name));

if (flags.includes('--check')) {
  const state = report(wanted);
  console.log(JSON.stringify(state, null, 2));
  process.exit(state.agents.every((agent) => agent.installed) ? 0 : 1);
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
])
  process.on(signal, () => {
    cleanUp();
    process.exit(code);
  });

const failed = [];
try {
  mkdirSync(directory, { recursive: true });
  removeAbandoned();
} catch (error) {
  say(`Cannot use ${directory}: ${error.message}\nRemedy: set MUSTER_TEST_AGENTS_DIR to a folder you can write to.`);
  process.exit(1);
}
for (const agent of wanted) {
  if (installed(agent)) {
    say(`${agent.name}: ${agent.package}@${agent.version} is already there: ${folderOf(agent)}`);
    continue;
  }
  try {
    await install(agent);
  } catch (error) {
    failed.push(agent.name);
    say(
      `${agent.name}: FAILED. ${error instanceof InstallError ? error.message : `${error.message}\nRemedy: check ${dirname(folderOf(agent))} and run this again.`}`,
    );
    cleanUp();
  }
}
if (failed.length) say(`Not installed: ${failed.join(', ')}.`);
process.exit(failed.length ? 1 : 0);
