import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { type ProcessIdentity, readStat } from './proc-stat.js';
import { SpawnError, type SpawnRequest } from './spawn-group.js';

export interface DetachedRequest extends SpawnRequest {
  /** A file that gets its stdout and stderr, made for this user only. */
  readonly log: string;
  /** All of its stdin. */
  readonly input: string;
}

export interface DetachedProcess extends ProcessIdentity {
  /** All it wrote to descriptor 3 before it closed it, or ended. */
  readonly answer: Promise<string>;
}

/** What it may answer before it is no answer. */
const MAX_ANSWER = 64 * 1024;

/** Starts a program that leads a session of its own, holds nothing of ours, and outlives us. @throws SpawnError */
export function spawnDetached({ program, args, cwd, env, log, input }: DetachedRequest): Promise<DetachedProcess> {
  const output = openSync(log, 'a', 0o600);
  try {
    const child = spawn(program, args, { cwd, env: { ...env }, detached: true, stdio: ['pipe', output, output, 'pipe'] });
    const { pid } = child;
    const startedAt = pid === undefined ? undefined : readStat(pid)?.startedAt;
    child.unref();
    const [stdin, , , fourth] = child.stdio;
    const answer = isReadable(fourth) ? readAll(fourth) : Promise.resolve('');
    return new Promise((resolve, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) => reject(new SpawnError(error.code ?? 'unknown', error)));
      child.once('spawn', () => {
        if (pid === undefined || startedAt === undefined) return reject(new SpawnError('ESRCH', undefined));
        feed(stdin, input);
        resolve({ pid, startedAt, answer });
      });
    });
  } finally {
    closeSync(output);
  }
}

const isReadable = (stream: Readable | Writable | null | undefined): stream is Readable => Boolean(stream && 'read' in stream);

function feed(stdin: Writable | null, input: string): void {
  // A pipe that breaks tells nothing that the missing answer does not tell.
  stdin?.on('error', () => undefined);
  stdin?.end(input);
}

function readAll(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      if (text.length < MAX_ANSWER) text += chunk.toString('utf8');
    });
    stream.on('error', () => undefined);
    stream.once('close', () => resolve(text));
  });
}
