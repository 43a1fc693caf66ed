/** The project itself: installed and built, each only where something changed since. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './programs.mjs';
import { howToGetCompilers, missingCompilers } from './requirements.mjs';
import { Problem, progress, say, yellow } from './terminal.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const inProject = (...parts) => join(ROOT, ...parts);

const INSTALL_MARKER = inProject('node_modules', '.muster-install');
const BUILD_MARKER = inProject('dist', '.muster-build');
/** What a build depends on, besides the installed packages. */
const SOURCES = ['src', 'ormconfig.ts', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json', 'package.json'];

const textOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** Installs the packages of package-lock.json where they are missing or others. @throws Problem */
export async function ensureInstalled() {
  const stamp = installStamp();
  if (textOf(INSTALL_MARKER) === stamp) return;
  if (isInstalledByHand()) return writeMarker(INSTALL_MARKER, stamp);
  const missing = missingCompilers();
  if (missing.length > 0)
    say(
      yellow(
        `${missing.join(', ')} not found: needed where better-sqlite3 must be compiled, because no prebuilt binary of it can be downloaded.`,
      ),
    );
  const done = progress('Installing packages (npm ci; some minutes the first time)');
  const { code, lines } = await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: ROOT });
  done();
  if (code !== 0)
    throw new Problem(
      `npm ci failed (exit code ${code}):\n${lines
        .slice(-15)
        .map((line) => `  ${line}`)
        .join('\n')}`,
      remedyOf(lines, missing),
    );
  const trouble = whyNotLoadable();
  if (trouble)
    throw new Problem(
      `The packages are installed, but a compiled one can't be loaded:\n  ${trouble}`,
      'Run "npm rebuild", and see that npm may run install scripts (npm config get ignore-scripts).',
    );
  writeMarker(INSTALL_MARKER, stamp);
}

/** Compiles src/ to dist/ where a source changed since. @throws Problem */
export async function ensureBuilt() {
  const stamp = buildStamp();
  const isThere = existsSync(inProject('dist', 'src', 'main.js'));
  if (isThere && textOf(BUILD_MARKER) === stamp) return;
  // The compiler trusts its notes about what it wrote, also where that was removed.
  if (!isThere) rmSync(inProject('dist', '.tsbuildinfo'), { force: true });
  const done = progress('Building (npm run build)');
  const { code, lines } = await run('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  done();
  if (code !== 0) throw new Problem(`The build failed (exit code ${code}):\n${lines.map((line) => `  ${line}`).join('\n')}`);
  writeMarker(BUILD_MARKER, stamp);
}

/** True where this is a checkout with the tools to build it, and not an image that holds only what runs. */
export const canBuild = () => existsSync(inProject('src', 'main.ts')) && existsSync(inProject('node_modules', '@nestjs', 'cli'));

function remedyOf(lines, missing) {
  if (missing.length > 0 && lines.some((line) => /gyp|better-sqlite3/.test(line)))
    return `better-sqlite3 had to be compiled, and ${missing.join(', ')} is missing:\n${howToGetCompilers()}`;
  return 'Run "npm ci" to see the whole of it.';
}

/** Compiled packages fit one ABI of Node: another Node needs another installation. */
const installStamp = () =>
  `${digest([readFileSync(inProject('package-lock.json'))])} ${process.platform}-${process.arch} abi ${process.versions.modules}\n`;

function buildStamp() {
  const files = SOURCES.flatMap((name) => filesBelow(inProject(name))).sort();
  return `${digest([installStamp(), ...files.flatMap((file) => [relative(ROOT, file), readFileSync(file)])])}\n`;
}

function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/** The files that are compiled; a test that changed needs no build. */
function filesBelow(path) {
  if (!existsSync(path)) return [];
  try {
    return readdirSync(path, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  } catch (error) {
    if (error.code !== 'ENOTDIR') throw error;
    return [path];
  }
}

function writeMarker(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stamp);
}

/** Whether somebody ran npm ci before: npm's own notes agree with the lock file, and the compiled package loads. */
function isInstalledByHand() {
  const notes = textOf(inProject('node_modules', '.package-lock.json'));
  if (notes === undefined) return false;
  const installed = JSON.parse(notes).packages;
  const wanted = JSON.parse(readFileSync(inProject('package-lock.json'), 'utf8')).packages;
  const isSame = (path) => installed[path]?.version === wanted[path]?.version && installed[path]?.integrity === wanted[path]?.integrity;
  const isComplete = Object.entries(wanted).every(
    ([path, { optional, devOptional, peer }]) => path === '' || isSame(path) || ((optional || devOptional || peer) && !installed[path]),
  );
  if (!isComplete || !Object.keys(installed).every(isSame)) return false;
  return whyNotLoadable() === undefined;
}

/** Loads what was compiled for one Node, in a process of its own; what it says where that fails. */
function whyNotLoadable() {
  const load = "new (require('better-sqlite3'))(':memory:').close(); require('@swc/core')";
  const { status, stderr } = spawnSync(process.execPath, ['--eval', load], { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? undefined : (/^\w*Error.*$/m.exec(stderr)?.[0] ?? `exit code ${status}`);
}
