/**
 * What is counted together. `launch` starts an agent; `append` counts events; `login` is counted by address; `none` is for what must
 * answer while everything else is refused.
 */
export const RATE_CLASSES = ['read', 'write', 'launch', 'append', 'login', 'none'] as const;
export type RateClass = (typeof RATE_CLASSES)[number];

/** What a request takes of its class. */
export interface RateUse {
  readonly class: RateClass;
  /** Absent: 1. */
  readonly cost?: number;
}

/** How much of a class is left to somebody. */
export interface RateBudget {
  readonly class: RateClass;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until all of it is there again. */
  readonly resetS: number;
  readonly isExceeded: boolean;
}
