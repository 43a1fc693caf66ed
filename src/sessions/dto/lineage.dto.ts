import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, Max, Min } from 'class-validator';
import { IsText, Optional } from '../../core/http/validators.js';
import { RESUME_STRATEGIES, type ResumeStrategy } from '../session.types.js';
import { CONTENT_SCHEMA, IsContent } from './content.validator.js';

/** How a session is to go on. */
export class ResumeSessionRequest {
  /**
   * `continue`: as itself; `new`: as a new session that begins with its messages. Absent: a suspended or lost session continues, an ended one,
   * or one that is to have another agent, becomes a new one.
   */
  @Optional()
  @IsIn(RESUME_STRATEGIES)
  strategy?: ResumeStrategy;

  /** The next prompt: text, or content blocks. Absent: the agent is started and waits. */
  @ApiProperty({ required: false, ...CONTENT_SCHEMA })
  @Optional()
  @IsContent()
  prompt?: string | Record<string, unknown>[];

  /** Name of another agent profile: it is given the conversation as context. @example 'codex' */
  @Optional()
  @IsText({ min: 1, max: 128 })
  agent?: string;
}

/** A session that branches off another one. */
export class ForkSessionRequest {
  /** The last event of the other one that it begins with. @example 17 */
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  atSeq: number;

  /** Name of an agent profile. Absent: that of the other session. */
  @Optional()
  @IsText({ min: 1, max: 128 })
  agent?: string;

  /** Shown to people. Absent: that of the other session. */
  @Optional()
  @IsText({ min: 1, max: 256 })
  name?: string;

  /** The first prompt of the branch: text, or content blocks. Absent: it stays `queued` until its first input. */
  @ApiProperty({ required: false, ...CONTENT_SCHEMA })
  @Optional()
  @IsContent()
  prompt?: string | Record<string, unknown>[];
}
