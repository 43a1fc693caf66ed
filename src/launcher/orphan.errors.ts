import { DomainError } from '../core/errors/domain.error.js';

/** No process of this number is an orphan. */
export class OrphanNotFoundError extends DomainError {
  readonly code = 'orphan_not_found';
  readonly kind = 'not_found';
  constructor(pid: number) {
    super(`No process ${pid} is an orphan.`, { remedy: 'GET /api/agents/orphans lists those there are.', context: { pid } });
  }
}

/** The number belongs to another process by now. */
export class OrphanChangedError extends DomainError {
  readonly code = 'orphan_changed';
  readonly kind = 'conflict';
  constructor(pid: number, startedAt: number) {
    super(`Process ${pid} is another one than the one that was meant.`, {
      remedy: 'Look at the list again, and name its startedAt.',
      context: { pid, startedAt },
    });
  }
}
