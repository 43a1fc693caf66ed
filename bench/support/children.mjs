import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import { asker, cpuOf, ended } from './processes.mjs';

/** A process of the bench that answers requests. */
export function child(script, environment = {}) {
  const process_ = fork(resolve(import.meta.dirname, script), [], { env: { PATH: process.env.PATH, ...environment } });
  const ask = asker(process_);
  return {
    pid: process_.pid,
    process: process_,
    ask: (what, request = {}) => ask({ what, ...request }),
    stop: async () => {
      process_.kill();
      await ended(process_);
    },
  };
}

/** The same for one that listens, with the little of a server that the loads need. */
export async function listening(script, environment = {}) {
  const own = child(script, environment);
  const url = await new Promise((done, fail) => {
    own.process.once('message', (message) => done(message.url));
    own.process.once('exit', (code) => fail(new Error(`${script} ended with ${code}.`)));
  });
  return {
    port: Number(new URL(url).port),
    key: `muster_${'x'.repeat(40)}`,
    sessions: Array.from({ length: 100 }, (_, at) => `00000000-0000-7000-8000-${String(at).padStart(12, '0')}`),
    get cpu() {
      return cpuOf(own.pid);
    },
    stop: own.stop,
  };
}
