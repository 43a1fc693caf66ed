import { IsText, Optional, QueryInt, QueryList } from '../../core/http/validators.js';

/** Which events to read. */
export class ReadEventsQuery {
  /** Events behind this cursor; `0` is the beginning. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  after?: string;

  /** The last events before this cursor. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  before?: string;

  @QueryInt(1, 1000)
  limit: number = 100;

  /** Only these types, separated by commas. `cursor` then tells how far was looked. */
  @Optional()
  @QueryList()
  type?: string[];

  /** Seconds to wait for something new where there is nothing. */
  @QueryInt(0, 30)
  wait: number = 0;
}

/** Which domain events to read. */
export class ReadFeedQuery {
  @Optional()
  @IsText({ min: 1, max: 64 })
  after?: string;

  @QueryInt(1, 1000)
  limit: number = 100;

  /** Only what belongs to this workspace. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  workspaceId?: string;

  /** Seconds to wait for something new where there is nothing. */
  @QueryInt(0, 30)
  wait: number = 0;
}

/** One event, or `{events: […]}`. Each is checked by itself, so that one bad one does not refuse the others. */
export class AppendEventsRequest {
  /** Makes the append exactly once: the same id again gives the first number. At most 256 characters. @example '0b9d9f4e-5a0f-4b1c-9d1e-3a1f0c9e8d7b' */
  id?: string;
  /** A known type (its payload is then checked) or your own. @example 'message' */
  type?: string;
  /** @example { "role": "assistant", "content": [{ "type": "text", "text": "Hello" }] } */
  payload?: Record<string, unknown>;
  /** ISO 8601; absent: now. */
  occurredAt?: string;
  /** The turn it belongs to. */
  turn?: number;
  /** The id the agent itself gives it. */
  nativeId?: string;
  /** Several at once, up to 1,000, in place of the fields above. */
  events?: Record<string, unknown>[];
}
