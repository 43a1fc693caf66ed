// The server as `npm start` runs it, as a child of the bench. BENCH_REPLACE names what of it answers at once instead of doing its work:
//   log         EventLog.append: authentication, limits, body, access to the session and validation (with id, canonical form and hash) as ever; nothing is stored
//   session     the same, and SessionScope.find gives the session it gave the first time: no look-up
//   service     EventsService.appendOne: behind Nest, guard, limits and body, nothing at all
//   guard       the same, and AccessGuard lets everybody in
// It only knows names of methods; where one is gone it ends with an error instead of measuring something else.

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { payloadOf } from './load.mjs';
import { answering } from './processes.mjs';

const require = createRequire(import.meta.url);
const dist = (path) => require(resolve(import.meta.dirname, '../../dist/src', path));

const { startServer } = dist('server.js');
const { processEnvironment, MusterConfig } = dist('config/muster-config.js');
const { PinoLogger } = dist('core/http/pino-logger.js');
const { Logger } = require('@nestjs/common');

const environment = processEnvironment();
const logger = new PinoLogger(new MusterConfig(environment).logLevel);
Logger.overrideLogger(logger);

function replaceMethod(target, name, make) {
  if (typeof target[name] !== 'function') throw new Error(`${target.constructor.name} has no method ${name} any more.`);
  target[name] = make(target[name].bind(target));
}

/** What answers at once in place of an append: the drafts are prepared as for storing. */
function answerForLog(app) {
  const { EventLog } = dist('events/event-log.service.js');
  const { prepareEvent } = dist('events/event-preparation.js');
  let seq = 0;
  replaceMethod(app.get(EventLog), 'append', () => async (_sessionId, drafts) => {
    const now = new Date().toISOString();
    return drafts.map((draft) => ({ ok: true, value: { id: prepareEvent(draft, now).id, seq: ++seq, duplicate: false } }));
  });
}

function rememberSessions(app) {
  const { SessionScope } = dist('sessions/session-scope.service.js');
  const known = new Map();
  replaceMethod(app.get(SessionScope), 'find', (find) => async (principal, id) => {
    if (!known.has(id)) known.set(id, await find(principal, id));
    return known.get(id);
  });
}

function answerForService(app) {
  const { EventsService } = dist('events/events.service.js');
  let seq = 0;
  replaceMethod(app.get(EventsService), 'appendOne', () => async (_principal, _id, { id }) => ({ id, seq: ++seq, duplicate: false }));
}

function letEverybodyIn() {
  const { AccessGuard } = dist('auth/access.guard.js');
  replaceMethod(AccessGuard.prototype, 'canActivate', () => async (context) => {
    context.switchToHttp().getRequest().principal = { id: 'user:bench', kind: 'user', name: 'bench' };
    return true;
  });
}

const REPLACEMENTS = {
  '': () => undefined,
  log: answerForLog,
  session: (app) => (answerForLog(app), rememberSessions(app)),
  service: answerForService,
  guard: (app) => (answerForService(app), letEverybodyIn()),
};

const { app, url } = await startServer(environment, logger);
process.once('SIGTERM', async () => {
  await writeProfile();
  await app.close();
  process.exit(0);
});
const { RealtimeLimits } = dist('realtime/realtime-limits.js');
Object.assign(app.get(RealtimeLimits), JSON.parse(process.env.BENCH_TUNE ?? '{}'));

const inspector = new Session();
const post = promisify(inspector.post.bind(inspector));
const profileDir = process.env.BENCH_PROFILE_DIR;

/** From the end of the start, so that loading modules is not in it. */
async function beginProfile() {
  inspector.connect();
  await post('Profiler.enable');
  await post('Profiler.start');
}

async function writeProfile() {
  if (!profileDir) return;
  const { profile } = await post('Profiler.stop');
  writeFileSync(join(profileDir, `${process.env.BENCH_REPLACE || 'muster'}-${process.pid}.cpuprofile`), JSON.stringify(profile));
}

/** Batches straight into the log, without HTTP, access and validation of what is asked: the store by itself, in the same process. */
async function appendInside({ sessions, batch, callers, seconds, type }) {
  const { EventLog } = dist('events/event-log.service.js');
  const log = app.get(EventLog);
  const payload = payloadOf(type);
  const draft = () => ({ id: randomUUID(), type, payload, source: 'api', actor: 'user:bench' });
  let turn = 0;
  let count = 0;
  const start = performance.now();
  const caller = async () => {
    while (performance.now() - start < seconds * 1_000) {
      const results = await log.append(sessions[turn++ % sessions.length], Array.from({ length: batch }, draft));
      if (results.some(({ ok }) => !ok)) throw new Error('An append was refused.');
      count += batch;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { perSecond: (count / (performance.now() - start)) * 1_000 };
}

answering({
  append: appendInside,
  memory: async () => {
    for (let at = 0; at < 4; at++) {
      globalThis.gc();
      await new Promise((done) => setTimeout(done, 50));
    }
    return process.memoryUsage();
  },
  // Replaced only when everything is set up through the real thing.
  replace: async () => {
    REPLACEMENTS[process.env.BENCH_REPLACE](app);
    if (profileDir) await beginProfile();
    return {};
  },
});
process.send({ url });
