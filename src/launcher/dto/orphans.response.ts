import type { EndedGroup } from '../../core/process/process-group.js';
import { type Orphan, ORPHAN_REASONS, type OrphanReason } from '../orphan.types.js';
import { ApiProperty } from '@nestjs/swagger';

/** A process that carries marks of Muster, and that no session of this server accounts for. */
export class OrphanResponse {
  /** @example 4711 */
  pid: number;
  /** Clock ticks since boot, as in field 22 of `/proc/<pid>/stat`. @example 8123456 */
  startedAt: number;
  /** Its session is not known, or has no agent now; or it is not provably of this server. */
  @ApiProperty({ enum: ORPHAN_REASONS, example: 'session_unknown' })
  reason: OrphanReason;
  /** The session that it says it belongs to. @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  sessionId: string | null;
  /** The server that it says it was started by. @example '01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c' */
  nodeId: string | null;
  /** Its command line, cut. @example 'sleep 600' */
  command: string;

  static of({ pid, startedAt, reason, sessionId, nodeId, command }: Orphan): OrphanResponse {
    return { pid, startedAt, reason, sessionId, nodeId, command };
  }
}

export class OrphanListResponse {
  items: OrphanResponse[];
}

/** What became of it. */
export class ReapedResponse {
  /** Processes that were ended, with what it brought forth. @example 2 */
  ended: number;
  /** Those that even SIGKILL did not end within two seconds. */
  survivors: number[];

  static of({ ended, survivors }: EndedGroup): ReapedResponse {
    return { ended, survivors: [...survivors] };
  }
}
