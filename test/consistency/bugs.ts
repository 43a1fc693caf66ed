import { join } from 'node:path';
import type { Dialect } from '../../src/core/database/dialect.js';
import type { AnomalyKind } from './checker/anomaly.types.js';
import type { FaultKind } from './schedule.js';

/** What must be found of a mistake in the server, and what has to happen for it to show. */
export interface BugCase {
  /** Any of these. */
  readonly shows: readonly AnomalyKind[];
  readonly faults: Readonly<Record<Dialect, readonly FaultKind[]>>;
}

const both = (...kinds: FaultKind[]): BugCase['faults'] => ({ sqlite: kinds, postgres: kinds });

/** The mistakes of `faulty-server.ts`. */
export const BUGS = {
  'acknowledges-before-commit': { shows: ['lost-write', 'unseen', 'stale-read'], faults: both('kill', 'cut') },
  'skips-the-splice': { shows: ['skip'], faults: both('cut') },
  'numbers-outside-the-transaction': { shows: ['gap'], faults: { sqlite: ['disk-full'], postgres: ['database-restart'] } },
  'forgets-duplicates': { shows: ['duplicate'], faults: both('cut', 'weather') },
  'goes-on-after-the-end': { shows: ['after-end'], faults: both() },
  'ends-twice': { shows: ['double-end'], faults: both() },
  'resumes-one-too-early': { shows: ['nonmonotonic-poll'], faults: both() },
  'prints-payloads-anew': { shows: ['wrong-bytes'], faults: both() },
} as const satisfies Record<string, BugCase>;

export type Bug = keyof typeof BUGS;

export const isBug = (name: string): name is Bug => Object.hasOwn(BUGS, name);

/** What Node is to run for the server that has it. */
export const faultyServer = (bug: Bug): string[] => [
  '-r',
  join(__dirname, '../support/swc-register.cjs'),
  join(__dirname, 'faulty-server.ts'),
  bug,
];
