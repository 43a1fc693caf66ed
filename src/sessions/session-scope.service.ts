import { Injectable } from '@nestjs/common';
import { Access } from '../auth/access.service.js';
import { canSee, type Principal, type Visibility } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import { SessionBriefsRepository } from './persistence/session-briefs.repository.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { type SessionName, SessionsRepository, type SessionWithHead } from './persistence/sessions.repository.js';
import type { SessionBrief } from './session.types.js';
import { SessionNotFoundError } from './sessions.errors.js';

/** `ext:<externalId>` names a session by its owner's own id. */
const EXTERNAL = 'ext:';

/** Which sessions a principal reaches, by id or by its own id. */
@Injectable()
export class SessionScope {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly briefs: SessionBriefsRepository,
    private readonly access: Access,
    private readonly clock: Clock,
  ) {}

  visibilityOf(principal: Principal): Visibility {
    return this.access.visibilityOf(principal);
  }

  nowIso(): string {
    return this.clock.nowIso();
  }

  /** For what changes something: it must be seen, and the role in its workspace must allow it. @throws SessionNotFoundError, ForbiddenError */
  async findToEdit(principal: Principal, id: string): Promise<SessionEntity> {
    const session = await this.find(principal, id);
    this.access.assertRole(principal, { ownerId: session.ownerId, workspaceId: session.workspaceId, sessionId: session.id }, 'editor');
    return session;
  }

  /** As {@link findToEdit}, with what an append needs only. */
  async findToAppend(principal: Principal, id: string): Promise<SessionBrief> {
    if (id.includes('\u0000')) throw new SessionNotFoundError(id);
    if (id.startsWith(EXTERNAL)) return this.findToEdit(principal, id);
    const brief = await this.briefs.find(id);
    if (!brief) throw new SessionNotFoundError(id);
    const subject = { ownerId: brief.ownerId, workspaceId: brief.workspaceId, sessionId: brief.id };
    if (!canSee(this.access.visibilityOf(principal), subject)) throw new SessionNotFoundError(id);
    this.access.assertRole(principal, subject, 'editor');
    return brief;
  }

  /** @throws SessionNotFoundError */
  async find(principal: Principal, id: string): Promise<SessionEntity> {
    const session = await this.sessions.findVisible(nameIn(id), this.access.visibilityOf(principal));
    if (!session) throw new SessionNotFoundError(id);
    return session;
  }

  /** As {@link find}, with where its log stands. @throws SessionNotFoundError */
  async findView(principal: Principal, id: string): Promise<SessionWithHead> {
    const view = await this.sessions.findVisibleView(nameIn(id), this.access.visibilityOf(principal));
    if (!view) throw new SessionNotFoundError(id);
    return view;
  }

  /** The session that a contract or reporter (`source`) knows by this id; null where there is none to be seen. */
  async findReported(principal: Principal, source: string, externalId: string): Promise<SessionEntity | null> {
    if (externalId.includes('\u0000')) return null;
    return this.sessions.findBySource(source, externalId, this.access.visibilityOf(principal), principal.id);
  }
}

/** @throws SessionNotFoundError: no text with a NUL is stored, and PostgreSQL refuses even to look for one. */
function nameIn(id: string): SessionName {
  if (id.includes('\u0000')) throw new SessionNotFoundError(id);
  return id.startsWith(EXTERNAL) ? { externalId: id.slice(EXTERNAL.length) } : { id };
}
