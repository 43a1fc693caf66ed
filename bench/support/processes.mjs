import { readFileSync } from 'node:fs';

/** Clock ticks of /proc a second, on every Linux that Node runs on. */
const TICKS = 100;

/** CPU seconds a process has used so far, all of its threads. */
export function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Bytes of a process that are in memory. */
export function residentOf(pid) {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** Resolves when `child` has ended. */
export const ended = (child) =>
  child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((done) => child.once('exit', done));

/** One request and its answer over the channel of a forked child: `{ id, ...request }` there, `{ id, ...answer }` back. */
export function asker(child) {
  let next = 0;
  const waiting = new Map();
  child.on('message', ({ id, error, ...answer }) => {
    const settle = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) settle?.done(answer);
    else settle?.fail(new Error(error));
  });
  child.once('exit', (code) => waiting.forEach(({ fail }) => fail(new Error(`A process of the bench ended with ${code}.`))));
  return (request) =>
    new Promise((done, fail) => {
      const id = ++next;
      waiting.set(id, { done, fail });
      child.send({ id, ...request });
    });
}

/** The other end of {@link asker}. */
export function answering(handlers) {
  process.on('message', async ({ id, what, ...request }) => {
    try {
      process.send({ id, ...(await handlers[what](request)) });
    } catch (error) {
      process.send({ id, error: error instanceof Error ? error.stack : String(error) });
    }
  });
  process.once('disconnect', () => process.exit(0));
}
