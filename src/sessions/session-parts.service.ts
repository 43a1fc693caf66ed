import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import type { Work } from '../core/database/work.js';
import type { SessionEntity } from './persistence/session.entity.js';

/** What another feature keeps of sessions, and changes inside of the unit of work of the session's own change. */
export interface SessionPart {
  /** What its agent asked can't be answered any more. Holds the lock of the session, and moves it nowhere. */
  close(work: Work, session: SessionEntity, why: string, by: Principal): Promise<void>;
  /** The session is deleted. */
  remove(work: Work, sessionId: string): Promise<void>;
}

/** The parts of sessions that are kept elsewhere: sessions need not know by whom. */
@Injectable()
export class SessionParts {
  private readonly parts: SessionPart[] = [];

  add(part: SessionPart): void {
    this.parts.push(part);
  }

  async close(work: Work, session: SessionEntity, why: string, by: Principal): Promise<void> {
    for (const part of this.parts) await part.close(work, session, why, by);
  }

  async remove(work: Work, sessionId: string): Promise<void> {
    for (const part of this.parts) await part.remove(work, sessionId);
  }
}
