/** Programs that the scripts run: found, started, waited for. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a program lies on the PATH, or undefined. */
export function findProgram(name) {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(directory || '.', name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      continue; // Not here: the next directory.
    }
  }
  return undefined;
}

/** What a short program prints, trimmed; undefined where it is not there or fails. */
export function outputOf(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 20_000,
    ...options,
  });
  return status === 0 ? stdout.trim() : undefined;
}

const KEPT_LINES = 40;
const STDIO = { nothing: ['ignore', 'pipe', 'pipe'], all: ['ignore', 1, 1], stderr: ['ignore', 'ignore', 1] };

/**
 * Runs a program to its end, without input. Resolves `{code, signal, lines}`; `lines` are the last ones of both its streams.
 * With `shows` (`all`, or what it writes to `stderr`) that goes to our stdout and `lines` is empty. A signal that ends this script ends the program too.
 */
export function run(command, args, { shows, cwd, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: STDIO[shows ?? 'nothing'] });
    let rest = '';
    const lines = [];
    const take = (piece) => {
      const parts = (rest + piece).split(/\r?\n|\r/);
      rest = parts.pop();
      lines.push(...parts.filter((line) => line.trim() !== ''));
      lines.splice(0, Math.max(0, lines.length - KEPT_LINES));
    };
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', take);
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    signals.forEach((signal) => process.on(signal, forward));
    const forget = () => signals.forEach((signal) => process.off(signal, forward));
    child.once('error', (error) => {
      forget();
      reject(error);
    });
    child.once('close', (code, signal) => {
      forget();
      if (rest.trim() !== '') lines.push(rest);
      resolve({ code, signal, lines });
    });
  });
}
