import type { AgentProfile } from '../agents/agent-profile.types.js';
import { DomainError } from '../core/errors/domain.error.js';

/** The program of a profile is not on this host. */
export class AgentMissingError extends DomainError {
  readonly code = 'agent_missing';
  readonly kind = 'unavailable';
  constructor({ name, command, installHint }: AgentProfile) {
    const [program = ''] = command;
    super(`The program ${JSON.stringify(program)} of the agent profile "${name}" was not found.`, {
      remedy:
        installHint !== undefined
          ? `To get it: ${installHint}`
          : `Install it, or correct "command" of the profile "${name}" (MUSTER_AGENTS_FILE).`,
      context: { profile: name, program },
    });
  }
}

/** The program is there, and yet no agent came of it. */
export class AgentStartError extends DomainError {
  readonly code = 'agent_start_failed';
  readonly kind = 'unavailable';
  constructor(profile: string, what: string, { remedy, stderr }: { remedy?: string; stderr?: string } = {}) {
    super(`The agent "${profile}" could not be started: ${what}${lastLines(stderr)}`, {
      ...(remedy === undefined ? {} : { remedy }),
      context: { profile },
    });
  }
}

/** The directory that a session is to work in is gone, or was never there. */
export class ProjectDirectoryError extends DomainError {
  readonly code = 'project_directory_missing';
  readonly kind = 'conflict';
  constructor(path: string) {
    super(`The directory ${JSON.stringify(path)} is not there.`, {
      remedy: 'Make it again, or start a session in another one.',
      context: { path },
    });
  }
}

/** The last lines of stderr as the end of a sentence. */
export const lastLines = (stderr: string | undefined): string => (stderr ? `. Its last lines:\n${stderr}` : '');

const MAX_REASON = 8_000;

/** What stands in a session's `endReason` for a failure: what happened, and what can be done about it. */
export function reasonOf(error: unknown): string {
  const remedy = error instanceof DomainError ? error.details.remedy : undefined;
  const text = error instanceof Error ? error.message : String(error);
  return (remedy === undefined ? text : `${text} ${remedy}`).slice(0, MAX_REASON);
}
