import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError, isUnavailable } from '../core/errors/domain.error.js';
import { DatabaseUnavailableError } from '../core/errors/storage.errors.js';

const PAUSES_MS = [100, 500, 2_000, 5_000, 10_000] as const;

export interface Persistence {
  /** Whether to give up after some seconds also what only the database hinders. */
  readonly isBrief: () => boolean;
  readonly onRepeat: (error: unknown) => void;
}

/**
 * Repeats what only the database hinders, for as long as it does; at shutdown for some seconds. `inDoubt`: an earlier attempt may have been
 * kept without our hearing of it.
 */
export async function persistently<T>(step: (inDoubt: boolean) => Promise<T>, { isBrief, onRepeat }: Persistence): Promise<T> {
  let inDoubt = false;
  for (let attempt = 0; ; attempt++) {
    try {
      return await step(inDoubt);
    } catch (error) {
      const isPassing = isUnavailable(error);
      if (error instanceof DomainError && !isPassing) throw error;
      const pauseMs = PAUSES_MS[attempt] ?? (isPassing && !isBrief() ? PAUSES_MS.at(-1) : undefined);
      if (pauseMs === undefined) throw error;
      inDoubt ||= error instanceof DatabaseUnavailableError;
      onRepeat(error);
      await sleep(pauseMs);
    }
  }
}
