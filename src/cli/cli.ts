import { parseArgs } from 'node:util';
import { type Environment, ConfigError } from '../config/environment.js';
import { DataDirInUseError } from '../core/database/data-dir-lock.js';
import { DatabaseUnreachableError } from '../core/database/data-source.js';
import { BackupError } from '../core/database/sqlite-files.js';
import { SchemaDriftError } from '../core/database/migrator.js';
import { VERSION } from '../core/version.js';
import { backupCommand } from './backup.command.js';
import { type Command, UsageError } from './cli.types.js';
import { restoreCommand } from './restore.command.js';

export const EXIT = { ok: 0, failure: 1, usage: 2 } as const;

const COMMANDS: readonly Command[] = [backupCommand, restoreCommand];
const FLAGS = ['help', 'version', 'json', ...new Set(COMMANDS.flatMap(({ flags }) => flags))];

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Carries a command line out. Never rejects: what goes wrong is told in a sentence, a fault of ours with its stack. */
export async function runCli(args: readonly string[], environment: () => Environment): Promise<CliResult> {
  const isJson = args.includes('--json');
  try {
    const { flags, positionals } = parse(args);
    if (flags.version) return said(`${VERSION}\n`);
    if (flags.help) return said(help());
    const { command, names } = commandOf(positionals);
    const foreign = Object.keys(flags).find((flag) => flag !== 'json' && !command.flags.includes(flag));
    if (foreign !== undefined) throw new UsageError(`--${foreign} says nothing here. ${usageOf(command)}`);
    const { lines, data } = await command.run({ names, flags, environment: environment() });
    return said(isJson ? `${JSON.stringify({ ok: true, ...data })}\n` : `${lines.join('\n')}\n`);
  } catch (error) {
    const exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failure;
    const message = isExpected(error) ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (isJson) return { exitCode, stdout: `${JSON.stringify({ ok: false, error: message })}\n`, stderr: '' };
    return { exitCode, stdout: '', stderr: `muster: ${message}\n` };
  }
}

const said = (stdout: string): CliResult => ({ exitCode: EXIT.ok, stdout, stderr: '' });

function parse(args: readonly string[]): { flags: Record<string, boolean>; positionals: string[] } {
  try {
    const options = Object.fromEntries(FLAGS.map((flag) => [flag, { type: 'boolean' as const }]));
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { flags: Object.fromEntries(Object.entries(values).map(([flag, value]) => [flag, value === true])), positionals };
  } catch (error) {
    // The first sentence; what follows explains how to write positional arguments that look like options.
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new UsageError(`${first}. "muster --help" shows what there is.`);
  }
}

function commandOf(positionals: readonly string[]): { command: Command; names: string[] } {
  if (positionals.length === 0) throw new UsageError(`Say what to do.\n\n${help()}`);
  for (const command of COMMANDS) {
    const words = command.usage.split(' ').filter((word) => /^[a-z]/.test(word));
    if (!words.every((word, index) => positionals[index] === word)) continue;
    const names = positionals.slice(words.length);
    const wanted = command.usage.split(' ').filter((word) => word.startsWith('<')).length;
    if (names.length !== wanted || names.includes('')) throw new UsageError(usageOf(command));
    return { command, names };
  }
  throw new UsageError(`There is no command "${positionals.join(' ')}". "muster --help" shows what there is.`);
}

const usageOf = ({ usage }: Command): string => `Usage: muster ${usage}`;

function help(): string {
  const width = Math.max(...COMMANDS.map(({ usage }) => usage.length));
  return [
    'Usage: muster <command> [--json]',
    '',
    ...COMMANDS.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`),
    '',
    '  --json     the result as one line of JSON',
    '  --help     this',
    '  --version  the version',
    '',
    'Settings are those of the server: MUSTER_* in the environment or in .env. Exit codes: 0 done, 1 failed, 2 wrong command line.',
    '',
  ].join('\n');
}

function isExpected(error: unknown): error is Error {
  return (
    error instanceof UsageError ||
    error instanceof BackupError ||
    error instanceof ConfigError ||
    error instanceof DataDirInUseError ||
    error instanceof DatabaseUnreachableError ||
    error instanceof SchemaDriftError ||
    // Of the file system: the message names what, and where.
    (error instanceof Error && ('syscall' in error || error.message.startsWith('MUSTER_')))
  );
}
