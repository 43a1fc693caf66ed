import { closeSync, writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { hasEnvironment, isErrno } from '../../../core/process/proc-stat.js';
import { spawnGroup, SpawnError } from '../../../core/process/spawn-group.js';
import { InProcessAgentHost } from '../in-process-agent-host.js';
import { Spool } from '../spool.js';
import { SpoolFiles } from '../spool-files.js';
import { type ShimOrders, shimOrders } from './shim-protocol.js';
import { ShimServer } from './shim-server.js';

/** Where whoever started us waits for an answer. */
const ANSWER = 3;
const MAX_LOG_LINES = 2_000;
/** How long what was said last may take to reach the other end. */
const PARTING_MS = 20;

let logLines = 0;

/** Into the log file, which is stdout: for those who look for a fault, bounded, and of no importance where the disk is full. */
function debug(facts: Readonly<Record<string, unknown>>): void {
  if (logLines++ < MAX_LOG_LINES) log(inspect(facts, { breakLength: Infinity }));
}

function log(text: string): void {
  try {
    writeSync(process.stdout.fd, `${text}\n`);
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EIO', 'EAGAIN')) throw error;
  }
}

function answer(start: object): void {
  writeSync(ANSWER, JSON.stringify(start));
  closeSync(ANSWER);
}

/** Starts one agent and speaks with it until it ends, whatever becomes of the server; then waits until all was taken. */
async function main(): Promise<void> {
  const orders: ShimOrders = shimOrders.parse(JSON.parse(await text(process.stdin)));
  const { sessionId, program, args, cwd, env, stopGraceMs } = orders;
  const spool = new Spool(new SpoolFiles(orders.directory), (error) => debug({ msg: 'the disk takes no record', err: error }));
  const group = await spawnGroup({ program, args, cwd, env });
  const belongs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', sessionId);
  const host = new InProcessAgentHost(group, { spool, stopGraceMs, belongs, debug });
  let isOver = false;
  const over = host.exited.then(() => (isOver = true));
  const isEnding = new Promise<void>((resolve) => {
    // Who ends us ends the agent: what it says until then is in the spool.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void host.stop().then(() => resolve()));
  });
  process.on('SIGHUP', () => undefined);
  const server = new ShimServer({ host, spool, sessionId, token: orders.token, isOver: () => isOver, debug });
  try {
    await server.listen(orders.socket);
  } catch (error) {
    await host.stop();
    throw error;
  }
  answer({ process: { pid: group.pid, startedAt: group.startedAt } });
  await Promise.race([over.then(() => Promise.race([spool.allTaken(), sleep(orders.lingerMs)])), isEnding]);
  await sleep(PARTING_MS);
  process.exit(0);
}

main().catch((error: unknown) => {
  log(error instanceof Error ? (error.stack ?? error.message) : String(error));
  try {
    answer({ code: error instanceof SpawnError ? error.code : 'unknown' });
  } finally {
    process.exit(1);
  }
});
