import type { VariableName } from './environment.js';

/** The most that a rule may name: a hundred years of days; more events than a log holds. */
export const MAX_RETENTION_DAYS = 36_525;
export const MAX_RETENTION_EVENTS = 1_000_000_000;

/** How long what events hold is kept where a workspace has no rule of its own; null: for ever. */
export interface RetentionConfig {
  readonly maxAgeDays: number | null;
  readonly maxEvents: number | null;
  /** How often the server looks for what may go. */
  readonly intervalMs: number;
}

/** @throws ConfigError */
export function retentionConfig(
  read: (name: VariableName) => string | undefined,
  whole: (name: VariableName, least: number, most: number) => number,
): RetentionConfig {
  const bound = (name: VariableName, most: number) => (read(name) === undefined ? null : whole(name, 1, most));
  return {
    maxAgeDays: bound('MUSTER_RETENTION_MAX_AGE_DAYS', MAX_RETENTION_DAYS),
    maxEvents: bound('MUSTER_RETENTION_MAX_EVENTS', MAX_RETENTION_EVENTS),
    intervalMs: whole('MUSTER_RETENTION_INTERVAL_MS', 1_000, 2_000_000_000),
  };
}
