import { IsText, Optional, QueryBoolean, QueryInt } from '../../core/http/validators.js';

/** Which part of a conversation to read. */
export class ReadConversationQuery {
  /** What lies behind this cursor; `0`, and absent, is the beginning. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  after?: string;

  /** The last that lies before this cursor. */
  @Optional()
  @IsText({ min: 1, max: 64 })
  before?: string;

  /** The last page. */
  @Optional()
  @QueryBoolean()
  tail?: boolean;

  /** Most items a page; one may have fewer, also where more follow. */
  @QueryInt(1, 200)
  limit: number = 100;
}
