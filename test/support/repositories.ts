import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ENV = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
const AUTHOR = [
  '-c',
  'user.name=Ada',
  '-c',
  'user.email=ada@example.org',
  '-c',
  'init.defaultBranch=main',
  '-c',
  'core.hooksPath=/dev/null',
];

/** Git as a person in a terminal has it. */
export const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', [...AUTHOR, ...args], { cwd, env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd();

/** Writes files, with the directories above them. */
export function writeFiles(directory: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
}

/** Commits all there is; the id of the commit. */
export function commitAll(directory: string, message = 'all'): string {
  git(directory, 'add', '--all', '--force');
  git(directory, 'commit', '--quiet', '--allow-empty', '--no-verify', '-m', message);
  return git(directory, 'rev-parse', 'HEAD');
}

/** A repository with one commit of these files; its real path. */
export function makeRepository(path: string, files: Readonly<Record<string, string | Buffer>> = { 'README.md': 'hello\n' }): string {
  mkdirSync(path, { recursive: true });
  git(path, 'init', '--quiet');
  writeFiles(path, files);
  commitAll(path, 'first');
  return realpathSync(path);
}
