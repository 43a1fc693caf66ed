import { DomainError } from '../core/errors/domain.error.js';

/** No profile has this name. */
export class UnknownAgentError extends DomainError {
  readonly code = 'unknown_agent';
  readonly kind = 'invalid_input';
  constructor(name: string, known: readonly string[]) {
    super(`There is no agent profile ${JSON.stringify(name.slice(0, 100).toWellFormed())}.`, {
      remedy: `Known are: ${known.join(', ')}. Further ones go into MUSTER_AGENTS_FILE.`,
      context: { known },
    });
  }
}
