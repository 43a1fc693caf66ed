import type { Environment } from '../config/environment.js';

/** What a command is given. */
export interface Invocation {
  /** What stands behind the name of the command. */
  readonly names: readonly string[];
  readonly flags: Readonly<Record<string, boolean>>;
  readonly environment: Environment;
}

/** What a command has to tell: lines for people, the same as data for programs. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Command {
  /** As it is typed, `<…>` for what is named. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly string[];
  run(invocation: Invocation): Promise<Outcome>;
}

/** The command line is wrong: nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
