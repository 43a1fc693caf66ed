/** Jest projects, each run by itself and counted by what the runner says. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProject, ROOT } from './project.mjs';
import { run } from './programs.mjs';

export const NO_TESTS = { passed: 0, failed: 0, skipped: 0 };
export const sum = (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped });
export const describeCounts = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

/** Runs one project to its end; what the runner reports goes through. A run that broke off, and a file that can't be loaded, is one failure each. */
export async function runTests(project, { inBand = false, env }) {
  const directory = mkdtempSync(join(tmpdir(), 'muster-verify-'));
  const report = join(directory, 'report.json');
  try {
    const args = [inProject('node_modules', 'jest', 'bin', 'jest.js'), '--selectProjects', project, '--json', '--outputFile', report];
    const { code } = await run(process.execPath, [...args, ...(inBand ? ['--runInBand'] : ['--maxWorkers=2'])], {
      cwd: ROOT,
      env,
      shows: 'stderr',
    });
    if (!existsSync(report)) return { ...NO_TESTS, failed: 1 };
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed, skipped: numPendingTests + numTodoTests };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
