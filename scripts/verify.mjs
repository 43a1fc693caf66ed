#!/usr/bin/env node
// Proves the project, from the packages to the last test; ten minutes at most on two cores.
//
//   npm run verify             every check, tests in bounded variants
//   npm run verify:full        the full counts (MUSTER_TEST_FULL=1)
//
// The last line is "Tests: N passed, N failed", counted from the test runners. The exit code is 0 only where every step went well.
//
//   MUSTER_TEST_POSTGRES_URL   a PostgreSQL whose user may make databases; without it tests run on SQLite only
//   MUSTER_TEST_REQUIRE        agents,postgres,cluster,small-disk,tmux,chromium,strace: what of these is missing fails instead of being
//                              skipped

import { existsSync } from 'node:fs';
import { ensureBuilt, ensureInstalled, inProject, ROOT } from './lib/project.mjs';
import { run } from './lib/programs.mjs';
import { describeRequirements, requireGit, requireNode } from './lib/requirements.mjs';
import { bold, complain, dim, duration, green, Problem, red, say, yellow } from './lib/terminal.mjs';
import { describeCounts, NO_TESTS, runTests, sum } from './lib/test-runs.mjs';
import { missingTools } from './lib/test-tools.mjs';

const isFull = readArguments(process.argv.slice(2));
const env = environmentOfTests();
const outcomes = [];
let counts = NO_TESTS;

const npmScript = (name) => () => command('npm', ['run', '--silent', name]);
const script = (name) => () => command(process.execPath, [inProject('scripts', name), '--check']);
const tests = (project, options) => async () => {
  const result = await runTests(project, { ...options, env });
  counts = sum(counts, result);
  if (result.failed > 0) throw new Problem(describeCounts(result));
  return describeCounts(result);
};

/** Without the first three the others say nothing; of the others each says something of its own. */
const FOUNDATION = [
  ['requirements', checkRequirements],
  ['packages', ensureInstalled],
  ['build', ensureBuilt],
];
const CHECKS = [
  ['format', npmScript('format:check')],
  ['lint', npmScript('lint')],
  ['boundaries', npmScript('deps')],
  ['types', npmScript('typecheck')],
  ['documents', script('generate-documents.mjs')],
  ['configuration', script('generate-configuration.mjs')],
  ...(existsSync(inProject('node_modules', '.bin', 'redocly')) ? [['openapi lint', npmScript('lint:openapi')]] : []),
  ['unit tests', tests('unit')],
  ['integration tests', tests('integration')],
  ['e2e tests', tests('e2e')],
  ['contract tests', tests('contracts')],
  ['security tests', tests('security')],
  ['consistency', tests('consistency')],
  ['agent tests', tests('agents', { inBand: true })],
];

const start = performance.now();
for (const [name, check] of FOUNDATION) if (!(await step(name, check))) finish();
for (const [name, check] of CHECKS) await step(name, check);
finish();

async function step(name, check) {
  say(bold(`\n── ${name}`));
  const began = performance.now();
  let note;
  let isFine = true;
  try {
    note = await check();
  } catch (error) {
    isFine = false;
    complain(name, error);
    note = error instanceof Problem ? error.message.split('\n', 1)[0] : String(error);
  }
  outcomes.push({ name, isFine, note, ms: performance.now() - began });
  say(`${isFine ? green('✓') : red('✗')} ${name} ${dim(duration(performance.now() - began))}`);
  return isFine;
}

function finish() {
  const isFine = outcomes.every((each) => each.isFine);
  say(bold(`\n── summary (${duration(performance.now() - start)})`));
  for (const { name, isFine: went, note, ms } of outcomes)
    say(`${went ? green('✓') : red('✗')} ${name.padEnd(18)} ${duration(ms).padStart(12)}${note ? `  ${went ? dim(note) : note}` : ''}`);
  const skipped = missingTools();
  for (const tool of skipped) say(yellow(`! without ${tool.name}: ${tool.consequence}. To have it: ${tool.remedy}`));
  say(
    isFine
      ? green('Everything is fine.')
      : red(
          `Not fine: ${outcomes
            .filter((each) => !each.isFine)
            .map((each) => each.name)
            .join(', ')}.`,
        ),
  );
  // A step that fails is a failure, also where no test ran because of it.
  say(`Tests: ${describeCounts({ ...counts, failed: Math.max(counts.failed, isFine ? 0 : 1) })}`);
  process.exit(isFine ? 0 : 1);
}

/** @throws Problem */
async function command(program, args) {
  const { code, signal } = await run(program, args, { cwd: ROOT, env, shows: 'all' });
  if (code !== 0) throw new Problem(`ended with ${signal ?? `exit code ${code}`}`);
}

/** @throws Problem where something is missing that must be there */
function checkRequirements() {
  requireNode();
  requireGit();
  const missing = missingTools();
  for (const { name, remedy, consequence, isRequired } of missing)
    say(
      (isRequired ? red : yellow)(
        `${name} is missing: ${isRequired ? 'MUSTER_TEST_REQUIRE demands it' : consequence}. To have it: ${remedy}`,
      ),
    );
  const required = missing.filter((each) => each.isRequired).map((each) => each.name);
  if (required.length > 0) throw new Problem(`missing: ${required.join(', ')}`);
  return describeRequirements();
}

/** The settings of a server that happens to be meant for this shell are none of the tests'. */
function environmentOfTests() {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MUSTER_') || name.startsWith('MUSTER_TEST_'));
  const quiet = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  return { ...Object.fromEntries(own), ...quiet, ...(isFull ? { MUSTER_TEST_FULL: '1' } : {}) };
}

function readArguments(given) {
  const unknown = given.find((each) => each !== '--full');
  if (unknown === undefined) return given.includes('--full');
  process.stderr.write(`verify: ${unknown} is not known. There is one option: --full runs the full counts.\n`);
  process.exit(2);
}
