import type { EndedSession } from '../persistence/ended-sessions.repository.js';
import type { SessionWithHead } from '../persistence/sessions.repository.js';
import { formatCursor } from '../../events/cursor.js';

/** A session that is over. */
export class SessionHistoryItemResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string;
  workspaceId: string;
  /** @example 'Tidy the README' */
  name: string;
  /** @example 'demo' */
  agent: string;
  mode?: string;
  model?: string;
  /** `completed`, `failed`, `stopped` or `expired`. @example 'completed' */
  status: string;
  endReason?: string;
  /** Prompts and messages. @example 2 */
  messageCount: number;
  /** From its start to its end; 0 where it never started. @example 5000 */
  durationMs: number;
  lastMessagePreview?: string;
  resumedFromId?: string;
  forkedFromId?: string;
  ownerId: string;
  createdAt: string;
  startedAt?: string;
  endedAt: string;

  static of(session: EndedSession): SessionHistoryItemResponse {
    const { mode, model, endReason, lastMessagePreview, resumedFromId, forkedFromId, startedAt, ...rest } = session;
    return {
      ...rest,
      durationMs: startedAt === null ? 0 : Math.max(0, Date.parse(session.endedAt) - Date.parse(startedAt)),
      ...(mode === null ? {} : { mode }),
      ...(model === null ? {} : { model }),
      ...(endReason === null ? {} : { endReason }),
      ...(lastMessagePreview === null ? {} : { lastMessagePreview }),
      ...(resumedFromId === null ? {} : { resumedFromId }),
      ...(forkedFromId === null ? {} : { forkedFromId }),
      ...(startedAt === null ? {} : { startedAt }),
    };
  }
}

export class SessionHistoryPageResponse {
  /** The one that ended last first. */
  items: SessionHistoryItemResponse[];
  /** Null on the last page. */
  nextCursor: string | null;
}

/** Where a session stands, and no more: for those who ask often. */
export class SessionStatusResponse {
  /** @example '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e' */
  id: string;
  /** @example 'idle' */
  status: string;
  phase?: string;
  step?: number;
  endReason?: string;
  exitCode?: number;
  exitSignal?: string;
  startedAt?: string;
  endedAt?: string;
  updatedAt: string;
  /** @example 4 */
  version: number;
  /** Where its log stands. @example '5f1c3a4b.17' */
  cursor: string;

  static of({ session, epoch, lastSeq }: SessionWithHead): SessionStatusResponse {
    const { id, status, phase, step, endReason, exitCode, exitSignal, startedAt, endedAt, updatedAt, version } = session;
    return {
      ...{ id, status, updatedAt, version, cursor: formatCursor(epoch, lastSeq) },
      ...(phase === null ? {} : { phase }),
      ...(step === null ? {} : { step }),
      ...(endReason === null ? {} : { endReason }),
      ...(exitCode === null ? {} : { exitCode }),
      ...(exitSignal === null ? {} : { exitSignal }),
      ...(startedAt === null ? {} : { startedAt }),
      ...(endedAt === null ? {} : { endedAt }),
    };
  }
}
