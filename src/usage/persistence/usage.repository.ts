import { Injectable } from '@nestjs/common';
import type { Visibility } from '../../auth/principal.types.js';
import { Database } from '../../core/database/database.js';
import { placeholders } from '../../core/database/dialect.js';
import type { Work } from '../../core/database/work.js';
import type { UsageEntryEntity } from './usage.entity.js';

/** What was used, summed. */
export interface UsageSums {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly costUsd: number;
}

/** The sums of what has this key in common. */
export interface UsageGroup extends UsageSums {
  readonly key: string;
}

export interface UsageFilter {
  /** First and last day, `2026-11-21`. */
  readonly from?: string;
  readonly to?: string;
  readonly workspaceId?: string;
  readonly sessionId?: string;
}

/** Whose usage a session's is. */
export interface UsageSubject {
  readonly id: string;
  readonly workspace_id: string | null;
  readonly owner_id: string;
  readonly agent: string;
  readonly model: string | null;
}

/** Each is text that is never empty of meaning: what has none is ''. */
const KEYS = {
  day: 'u.day',
  workspace: "coalesce(u.workspace_id, '')",
  session: 'u.session_id',
  agent: 'u.agent',
  model: 'u.model',
  /** So that they sort as numbers. */
  turn: "substr('0000000000' || cast(u.turn as varchar(10)), length(cast(u.turn as varchar(10))) + 1)",
} as const;
export type UsageGrouping = keyof typeof KEYS;
export const USAGE_GROUPINGS: readonly UsageGrouping[] = ['day', 'workspace', 'session', 'agent', 'model', 'turn'];

const SUMS = `coalesce(sum(u.input), 0) as input, coalesce(sum(u.output), 0) as output, coalesce(sum(u.cache_read), 0) as "cacheRead",
  coalesce(sum(u.cache_write), 0) as "cacheWrite", coalesce(sum(u.cost_usd), 0) as "costUsd"`;

/** PostgreSQL gives sums of `bigint` as text. */
type SumsRow = { readonly [K in keyof UsageSums]: number | string };

const ADD = `insert into usage_entries
  (session_id, turn, day, model, workspace_id, owner_id, agent, input, output, cache_read, cache_write, cost_usd)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (session_id, turn, day, model) do update set
  input = usage_entries.input + excluded.input, output = usage_entries.output + excluded.output,
  cache_read = usage_entries.cache_read + excluded.cache_read, cache_write = usage_entries.cache_write + excluded.cache_write,
  cost_usd = usage_entries.cost_usd + excluded.cost_usd`;

@Injectable()
export class UsageRepository {
  constructor(private readonly db: Database) {}

  async add(work: Work, entries: readonly UsageEntryEntity[]): Promise<void> {
    await work.each(
      ADD,
      entries.map((each) => [
        each.sessionId,
        each.turn,
        each.day,
        each.model,
        each.workspaceId,
        each.ownerId,
        each.agent,
        each.input,
        each.output,
        each.cacheRead,
        each.cacheWrite,
        each.costUsd,
      ]),
    );
  }

  async subjects(work: Work, sessionIds: readonly string[]): Promise<Map<string, UsageSubject>> {
    const rows = await work.query<UsageSubject>(
      `select id, workspace_id, owner_id, agent, model from sessions where id in ${placeholders(1, sessionIds.length)}`,
      sessionIds,
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  /** In the order of their keys, those behind `after`. */
  async groups(
    groupBy: UsageGrouping,
    filter: UsageFilter,
    visibility: Visibility,
    { after, limit }: { after?: string; limit: number },
  ): Promise<UsageGroup[]> {
    const [where, parameters] = conditionsOf(filter, visibility);
    const key = KEYS[groupBy];
    const behind = after === undefined ? '' : ` and ${key} > ?`;
    const rows = await this.db.query<SumsRow & { key: string }>(
      `select ${key} as key, ${SUMS} from usage_entries u where ${where}${behind} group by ${key} order by ${key} limit ?`,
      [...parameters, ...(after === undefined ? [] : [after]), limit],
    );
    return rows.map((row) => ({ key: row.key, ...sumsOf(row) }));
  }

  async total(filter: UsageFilter, visibility: Visibility): Promise<UsageSums> {
    const [where, parameters] = conditionsOf(filter, visibility);
    const [row] = await this.db.query<SumsRow>(`select ${SUMS} from usage_entries u where ${where}`, parameters);
    return row ? sumsOf(row) : { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, costUsd: 0 };
  }
}

const sumsOf = ({ input, output, cacheRead, cacheWrite, costUsd }: SumsRow): UsageSums => ({
  input: Number(input),
  output: Number(output),
  cacheRead: Number(cacheRead),
  cacheWrite: Number(cacheWrite),
  costUsd: Number(costUsd),
});

function conditionsOf({ from, to, workspaceId, sessionId }: UsageFilter, visibility: Visibility): [string, unknown[]] {
  const conditions: [string, readonly unknown[]][] = [visible(visibility)];
  if (from !== undefined) conditions.push(['u.day >= ?', [from]]);
  if (to !== undefined) conditions.push(['u.day <= ?', [to]]);
  if (workspaceId !== undefined) conditions.push(['u.workspace_id = ?', [workspaceId]]);
  if (sessionId !== undefined) conditions.push(['u.session_id = ?', [sessionId]]);
  return [conditions.map(([sql]) => sql).join(' and '), conditions.flatMap(([, parameters]) => parameters)];
}

function visible(visibility: Visibility): [string, readonly unknown[]] {
  if (visibility.all) return ['1 = 1', []];
  const { sessionId, ownerId, workspaceIds } = visibility;
  if (sessionId !== undefined) return ['u.session_id = ?', [sessionId]];
  const own = 'u.workspace_id is null and u.owner_id = ?';
  if (workspaceIds.length === 0) return [own, [ownerId]];
  return [`((${own}) or u.workspace_id in ${placeholders(1, workspaceIds.length)})`, [ownerId, ...workspaceIds]];
}
