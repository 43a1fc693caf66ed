import { IsText, Optional } from '../../core/http/validators.js';

/** What to tell of. */
export class SessionDiffQuery {
  /** One file, relative to the session's directory. Absent: all. @example 'src/main.ts' */
  @Optional()
  @IsText({ min: 1, max: 4096 })
  path?: string;
}
