/** How long what the events of a workspace's sessions hold is kept. Each bound may be null: none. */
export interface RetentionRule {
  readonly maxAgeDays: number | null;
  readonly maxEvents: number | null;
}
