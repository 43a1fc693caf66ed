import { z } from 'zod';

const usageUpdate = z.looseObject({
  used: z.number().min(0),
  size: z.number().min(0),
  cost: z
    .looseObject({ amount: z.number().min(0), currency: z.string() })
    .nullish()
    .catch(null),
});

const count = z.number().int().min(0).nullish().catch(null);
const promptUsage = z.looseObject({
  totalTokens: count,
  inputTokens: count,
  outputTokens: count,
  cachedReadTokens: count,
  cachedWriteTokens: count,
});

/** What of an agent's accounts is new. */
export interface UsageIncrement {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly costUsd?: number;
  /** Not an increment: how full the agent's window is now, in tokens. */
  readonly context?: { readonly used: number; readonly size: number };
}

export const usageState = z.object({ costUsd: z.number().nullable(), context: z.string() });
export type UsageState = z.infer<typeof usageState>;

/**
 * Makes increments of what agents report. `usage_update` (ACP 1) gives the window as it stands and the cost of the conversation so far;
 * tokens come, if at all, with the answer to a prompt, for that turn (`PromptResponse.usage`, unstable).
 */
export class AcpUsage {
  private costUsd: number | null;
  private context = '';

  /** `isResumed`: the first cost told includes that of earlier processes, which was counted then. */
  constructor(isResumed: boolean) {
    this.costUsd = isResumed ? null : 0;
  }

  /** What it knows, to go on from elsewhere. */
  get state(): UsageState {
    return { costUsd: this.costUsd, context: this.context };
  }

  restore({ costUsd, context }: UsageState): void {
    this.costUsd = costUsd;
    this.context = context;
  }

  /** Undefined where `update` is no usage update; null where nothing is new. */
  ofUpdate(update: unknown): UsageIncrement | null | undefined {
    const result = usageUpdate.safeParse(update);
    if (!result.success) return undefined;
    const { used, size, cost } = result.data;
    const costUsd = cost?.currency === 'USD' ? this.costSince(cost.amount) : 0;
    const context = `${used}/${size}`;
    if (costUsd === 0 && context === this.context) return null;
    this.context = context;
    return { ...(costUsd > 0 ? { costUsd } : {}), context: { used, size } };
  }

  /** Null where the answer told none. */
  ofAnswer(usage: unknown): UsageIncrement | null {
    const result = promptUsage.safeParse(usage);
    if (!result.success) return null;
    const { totalTokens, inputTokens, outputTokens, cachedReadTokens, cachedWriteTokens } = result.data;
    const [input, cached] = [inputTokens ?? 0, (cachedReadTokens ?? 0) + (cachedWriteTokens ?? 0)];
    // The total is the sum of all kinds (ACP): where it is less, what was cached is in the input too (codex-acp 2.6.0).
    const isNested = totalTokens !== null && totalTokens !== undefined && totalTokens < input + (outputTokens ?? 0) + cached;
    const told = {
      input: isNested ? Math.max(0, input - cached) : input,
      output: outputTokens,
      cacheRead: cachedReadTokens,
      cacheWrite: cachedWriteTokens,
    };
    const entries = Object.entries(told).flatMap(([key, value]) => (value ? [[key, value] as const] : []));
    return entries.length > 0 ? Object.fromEntries(entries) : null;
  }

  /** A total that fell was begun anew. */
  private costSince(total: number): number {
    const known = this.costUsd ?? total;
    this.costUsd = total;
    return total < known ? total : total - known;
  }
}
