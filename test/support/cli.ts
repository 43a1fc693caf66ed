import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

const MAIN = resolve(__dirname, '../../dist/src/cli/main.js');

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `muster` command as a process of its own. */
export async function muster(args: readonly string[], environment: Record<string, string>): Promise<CliRun> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build.`);
  return runTool(process.execPath, [MAIN, ...args], environment);
}

/** Runs a program to its end. */
export function runTool(program: string, args: readonly string[], environment: Record<string, string>, input?: string): Promise<CliRun> {
  return new Promise((done, reject) => {
    const child = spawn(program, args, { env: { PATH: process.env.PATH, HOME: '/nonexistent', ...environment }, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => done({ code, ...output }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
