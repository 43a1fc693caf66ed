import { IsText, Optional, QueryBoolean, QueryList } from '../../core/http/validators.js';

/** Which events to follow. */
export class StreamEventsQuery {
  /** Events behind this cursor; absent or `0`: from the beginning. `Last-Event-ID` wins over it. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  after?: string;

  /** Only these types, separated by commas. */
  @Optional()
  @QueryList()
  type?: string[];

  /** `false`: no streaming text. */
  @Optional()
  @QueryBoolean()
  deltas?: boolean;
}

/** Which domain events to follow. */
export class StreamFeedQuery {
  /** Domain events behind this cursor; absent or `0`: from the beginning. `Last-Event-ID` wins over it. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  after?: string;

  /** Only what belongs to this workspace. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;
}
