import type { UsageGroup } from '../persistence/usage.repository.js';
import type { UsagePage } from '../usage.service.js';

export class UsageSumsResponse {
  /** Tokens. @example 1200 */
  input: number;
  /** Tokens. @example 340 */
  output: number;
  /** Tokens. @example 0 */
  cacheRead: number;
  /** Tokens. @example 0 */
  cacheWrite: number;
  /** US dollars, as the agents report them. @example 0.012 */
  costUsd: number;
}

export class UsageGroupResponse extends UsageSumsResponse {
  /** What it is the sum of: a day, or the id or name that was asked for; null where that is not known. @example '2026-11-21' */
  key: string | number | null;
}

export class UsagePageResponse {
  /** @example 'day' */
  groupBy: string;
  items: UsageGroupResponse[];
  /** Of all groups, not of this page only. */
  total: UsageSumsResponse;
  /** Null on the last page. */
  nextCursor: string | null;

  static of({ groupBy, items, total, nextCursor }: UsagePage): UsagePageResponse {
    const keyOf = ({ key }: UsageGroup) => (groupBy === 'turn' ? Number(key) || null : key === '' ? null : key);
    return { groupBy, items: items.map((each) => ({ ...each, key: keyOf(each) })), total, nextCursor };
  }
}
