import type { ItemOutcome, SentItem } from '../history/operation.types.js';

/** Answers of the 5xx kind that promise that nothing was stored. */
const NOTHING_STORED: readonly string[] = ['log_overloaded', 'storage_full'];
/** Refusals after which the same may be sent again. */
const PASSING = [401, 403, 408, 429];

/** A result of the server for one event: over HTTP, in a batch, or in a reply. */
export interface WireResult {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: string; readonly status: number };
}

export function outcomeOf({ id, content }: SentItem, { seq, duplicate = false, error }: WireResult): ItemOutcome {
  if (seq !== undefined) return { id, content, outcome: 'ok', seq, duplicate };
  const { code, status } = error ?? { code: 'no result', status: 500 };
  return { id, content, outcome: isNothingStored(status, code) ? 'fail' : 'info', code };
}

/** Every event of an attempt that got one answer for all, or none. */
export const allOf = (items: readonly SentItem[], status: number, code: string): ItemOutcome[] =>
  items.map((item) => outcomeOf(item, { error: { status, code } }));

export const isNothingStored = (status: number, code: string): boolean => (status >= 400 && status < 500) || NOTHING_STORED.includes(code);

/** Whether a client would send it again. */
export const isPassing = (outcome: ItemOutcome): boolean =>
  outcome.outcome === 'info' ||
  (outcome.outcome === 'fail' &&
    (NOTHING_STORED.includes(outcome.code) || PASSING.some((each) => outcome.code === String(each)) || outcome.code === 'rate_limited'));

export const phaseOf = (outcomes: readonly ItemOutcome[]): 'ok' | 'fail' | 'info' => {
  const first = outcomes[0]?.outcome ?? 'info';
  return outcomes.every(({ outcome }) => outcome === first) ? first : 'info';
};
