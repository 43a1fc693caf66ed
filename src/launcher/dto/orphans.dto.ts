import { IsInt, Max, Min } from 'class-validator';

export class ReapOrphanRequest {
  /** Its start time as the list tells it, so that no other process is ended that has got its number. @example 8123456 */
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  startedAt: number;
}
