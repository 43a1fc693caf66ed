import { Injectable } from '@nestjs/common';
import { MusterConfig } from '../../config/muster-config.js';
import { findProgram } from '../../core/process/find-program.js';
import { type ProgramRun, runProgram } from '../../core/process/run-program.js';
import { SpawnError } from '../../core/process/spawn-group.js';
import { GitFailedError, GitMissingError } from './git.errors.js';

export interface GitCall {
  /** Its real path. */
  readonly cwd: string;
  readonly args: readonly string[];
  /** Settings beyond those that hold for all. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: Buffer;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

const DEFAULT_PATH = '/usr/bin:/bin';
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;
const SHOWN = 300;

/**
 * What a repository may not decide, whatever its configuration says: each is a command that git would run, or changes what is told.
 * They come after the files of the repository and win (https://git-scm.com/docs/git-config, GIT_CONFIG_COUNT).
 */
const SETTINGS: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.sshCommand': '/bin/false',
  'core.pager': 'cat',
  'core.editor': '/bin/false',
  'core.safecrlf': 'false',
  'credential.helper': '',
  'diff.external': '',
  'diff.ignoreSubmodules': 'dirty',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'submodule.recurse': 'false',
  'status.showUntrackedFiles': 'all',
  'branch.autoSetupMerge': 'false',
};

const ENVIRONMENT: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  // git looks for files of its user below it: nobody's is anybody's.
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  // A partial clone fetches what it lacks, by a program that its configuration names.
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
};

/**
 * Runs git in directories that others write: without a shell, with an environment of its own, for a bounded time, and so that nothing
 * the repository configures is run. Other doors to git there are none.
 */
@Injectable()
export class Git {
  constructor(private readonly config: MusterConfig) {}

  /** What git put out. @throws GitMissingError, GitFailedError where it did not end well */
  async run(call: GitCall): Promise<ProgramRun> {
    const run = await this.attempt(call);
    if (run.isTimedOut) throw new GitFailedError(nameOf(call), 'it took too long');
    if (run.code !== 0) throw new GitFailedError(nameOf(call), complaintOf(run));
    return run;
  }

  /** As {@link run}, however it ended. @throws GitMissingError, GitFailedError where it could not be started */
  async attempt({ cwd, args, settings = {}, env = {}, input, timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES }: GitCall): Promise<ProgramRun> {
    const path = this.config.inheritedAgentEnv['PATH'] || DEFAULT_PATH;
    const program = findProgram('git', path);
    if (program === null) throw new GitMissingError();
    const all = { PATH: path, ...ENVIRONMENT, ...settingsIn({ ...SETTINGS, ...settings }), ...env };
    try {
      return await runProgram({ program, args, cwd, env: all }, { timeoutMs, maxBytes, ...(input ? { input } : {}) });
    } catch (error) {
      if (error instanceof SpawnError) throw new GitFailedError(args[0] ?? '', `it could not be started (${error.code})`);
      throw error;
    }
  }

  /** The one line that git answers; null where it fails. */
  async line(call: GitCall): Promise<string | null> {
    const { code, isTimedOut, stdout } = await this.attempt(call);
    return code === 0 && !isTimedOut ? stdout.replace(/\n$/, '') : null;
  }
}

/** As variables, and not as `-c name=value`: a name may hold an equals sign. */
function settingsIn(settings: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(settings);
  const found: Record<string, string> = { GIT_CONFIG_COUNT: String(entries.length) };
  for (const [index, [key, value]] of entries.entries()) {
    found[`GIT_CONFIG_KEY_${index}`] = key;
    found[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return found;
}

const nameOf = ({ args }: GitCall): string => args.find((each) => !each.startsWith('-')) ?? '';

/** What git says about itself, in one line. */
export const complaintOf = ({ stderr, code, signal }: Pick<ProgramRun, 'stderr' | 'code' | 'signal'>): string =>
  stderr.trim().replace(/\s+/g, ' ').slice(0, SHOWN).toWellFormed() || `it ended with ${signal ?? `code ${code}`}`;
