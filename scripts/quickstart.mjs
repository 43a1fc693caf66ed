#!/usr/bin/env node
// From a clone to a working agent in one command:
//
//   npm run quickstart              install, build, serve; a demo agent works before your eyes; then serves until Ctrl-C
//   npm run quickstart -- --once    ends after the agent's turn, with exit code 0 if it went well
//
// No dependencies; Node 20.19 or newer. The server takes its usual MUSTER_* variables and the .env file.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './lib/api.mjs';
import { EventPrinter } from './lib/event-printer.mjs';
import { ensureBuilt, ensureInstalled } from './lib/project.mjs';
import { describeRequirements, requireGit, requireNode, requireTmux } from './lib/requirements.mjs';
import { makeSampleWorkspace } from './lib/sample-workspace.mjs';
import { Server } from './lib/server.mjs';
import { choosePort, readSettings } from './lib/settings.mjs';
import { bold, complain, cyan, dim, green, oneLine, Problem, progress, red, say, yellow } from './lib/terminal.mjs';

const SESSION_WITHIN_MS = 120_000;
const ENDED = ['completed', 'failed', 'stopped', 'expired'];
/** npm hands a Ctrl-C on although the terminal has sent it already: only one that comes later is meant as a second one. */
const SECOND_SIGNAL_AFTER_MS = 1_000;

const prompt = () =>
  [
    'think:First I look at what is there.',
    'read:README.md',
    'say:The project greets. I teach it a new greeting, run it, and look at the difference.',
    `write:greet.sh #!/bin/sh\\necho "Hello from Muster, on ${new Date().toISOString().slice(0, 19).replace('T', ' at ')}."\\n`,
    'run:sh greet.sh && git diff --shortstat',
  ].join('\n');

const { isOnce } = readArguments(process.argv.slice(2));
const stopping = new AbortController();
let server;

try {
  process.exitCode = await quickstart();
} catch (error) {
  if (!stopping.signal.aborted) complain('quickstart', error);
  process.exitCode = stopping.signal.aborted ? (server ? 0 : 130) : 1;
} finally {
  await server?.stop();
}
// Nothing is left to wait for: a connection kept open by fetch must not hold us.
process.exit();

/** Returns the exit code. */
async function quickstart() {
  listenToSignals();
  requireNode();
  requireGit();
  requireTmux();
  say(`${green('✓')} ${describeRequirements()}`);
  await ensureInstalled();
  await ensureBuilt();
  const settings = readSettings();
  const url = await start(settings);
  const api = new Api(url, keyOf(settings));
  const workspace = await findOrMakeWorkspace(api, makeSampleWorkspace(settings.dataDir));
  const { session, isFine } = await showSession(api, workspace);
  tellAddresses(url, workspace, session);
  if (isOnce) return end(api, session, isFine);
  say(dim('Serving until Ctrl-C.'));
  const { code, signal } = await server.exited;
  if (stopping.signal.aborted) return 0;
  throw new Problem(
    `The server ended by itself (${signal ?? `exit code ${code}`}):\n${server.lastLines()}`,
    `Its whole log: ${server.logFile}`,
  );
}

function readArguments(given) {
  const unknown = given.find((each) => each !== '--once');
  if (unknown === undefined) return { isOnce: given.includes('--once') };
  process.stderr.write(`quickstart: ${unknown} is not known. There is one option: --once ends after the demonstration.\n`);
  process.exit(2);
}

/** The first signal ends in good order, also what is being installed or built; a second one at once. */
function listenToSignals() {
  let firstAt;
  const stop = () => {
    if (firstAt !== undefined && performance.now() - firstAt < SECOND_SIGNAL_AFTER_MS) return;
    if (firstAt !== undefined) return void server?.stop({ isForced: true });
    firstAt = performance.now();
    stopping.abort(new Problem('Stopped.'));
    if (!server || server.isGone) return;
    say(dim('\nStopping …'));
    void server.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  // Nobody reads on (`| head`).
  process.stdout.on('error', stop);
}

/** Starts the server and resolves with its URL once it is ready. */
async function start(settings) {
  stopping.signal.throwIfAborted();
  const { port, isMoved } = await choosePort(settings);
  if (isMoved)
    say(yellow('Port 4600 is in use, so a free one is taken. MUSTER_PORT chooses another; if that is a Muster of yours, stop it.'));
  server = new Server({ dataDir: settings.dataDir, env: { MUSTER_PORT: port, MUSTER_AGENTS_ON_SHUTDOWN: 'stop' } });
  const done = progress(`Starting on ${settings.isPostgres ? 'PostgreSQL' : 'SQLite'}`);
  try {
    const url = await server.ready({ ...settings, port }, stopping.signal);
    done(
      `${green('✓')} Muster listens on ${bold(url)} (${settings.isPostgres ? 'PostgreSQL' : 'SQLite'}), its log is in ${server.logFile}`,
    );
    return url;
  } catch (error) {
    done(red('✗ Not started'));
    throw error;
  }
}

function keyOf({ isOpen, adminKey, dataDir }) {
  if (isOpen) return undefined;
  const file = join(dataDir, 'admin.key');
  if (adminKey === undefined && !existsSync(file))
    throw new Problem(`There is no admin key in ${file}.`, 'Set MUSTER_ADMIN_KEY to the key of this server.');
  return adminKey ?? readFileSync(file, 'utf8').trim();
}

async function findOrMakeWorkspace(api, path) {
  const made = await api.callUnless('workspace_exists', 'POST', '/api/workspaces', { path, name: 'Sample' });
  if (made) return made;
  for await (const workspace of api.list('/api/workspaces')) if (workspace.path === path) return workspace;
  throw new Problem(`The workspace ${path} is there already, but belongs to somebody else.`);
}

/** Starts a session of the demo agent and prints what happens, until its turn is over. */
async function showSession(api, workspace) {
  const session = await api.call('POST', '/api/sessions', {
    workspaceId: workspace.id,
    agent: 'demo',
    name: 'Quickstart',
    policy: 'allow-all',
    prompt: prompt(),
  });
  say(`${green('✓')} Workspace ${workspace.path}`);
  say(`${green('✓')} Session ${session.id} of the demo agent; these are its events, live:\n`);
  const printer = new EventPrinter();
  const state = { status: session.status, isTurnOver: false, isFine: true };
  const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(SESSION_WITHIN_MS)]);
  try {
    for await (const frame of api.stream(`/api/sessions/${session.id}/events/stream?after=0`, signal)) {
      printer.frame(frame);
      if (frame.type === 'events') frame.events.forEach((event) => follow(state, event));
      if (frame.type === 'end') state.status = frame.status;
      if (frame.type === 'end' || ENDED.includes(state.status) || (state.isTurnOver && state.status === 'idle')) break;
    }
  } catch (error) {
    if (error?.name !== 'TimeoutError') throw error;
    throw new Problem(
      `The session is ${state.status} and did not come to an end within ${SESSION_WITHIN_MS / 1000} s.`,
      `The server's log: ${server.logFile}`,
    );
  }
  const isFine = state.isFine && state.status === 'idle';
  say(
    isFine
      ? `\n${green('✓')} The agent is done and waits for the next prompt.\n`
      : `\n${red('✗')} The session is ${state.status}${state.reason ? `: ${oneLine(state.reason, 300)}` : ''}.\n`,
  );
  return { session, isFine };
}

/** Ends the session, so that it is `stopped` and not `lost` with its server. */
async function end(api, session, isFine) {
  if (isFine) await api.call('POST', `/api/sessions/${session.id}/stop`);
  return isFine ? 0 : 1;
}

function follow(state, { type, payload }) {
  if (type === 'status') Object.assign(state, { status: payload.to, reason: payload.reason });
  if (type !== 'turn' || !['completed', 'failed', 'cancelled'].includes(payload.state)) return;
  state.isTurnOver = true;
  state.isFine &&= payload.state === 'completed';
}

function tellAddresses(url, workspace, session) {
  const rows = [
    ['Sign in', /https?:\/\/\S+\/api\/login\?code=\S+/.exec(server.greeting)?.[0], 'once, within 15 minutes; leads to Swagger UI'],
    ['Swagger UI', `${url}/api/docs`, ''],
    ['Session', `${url}/api/sessions/${session.id}`, ''],
    ['WebSocket', `${url.replace(/^http/, 'ws')}/api/ws`, ''],
    ['Files', workspace.path, ''],
  ];
  for (const [name, address, note] of rows) if (address) say(`  ${name.padEnd(11)} ${cyan(address)}${note ? `  ${dim(note)}` : ''}`);
  say();
}
