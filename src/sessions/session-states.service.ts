import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { changedFields } from '../core/event-bus/changed-fields.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { parseObject } from '../core/json.js';
import type { PatchSessionStateRequest } from './dto/session-requests.dto.js';
import type { SessionEntity } from './persistence/session.entity.js';
import { SessionsRepository, type SessionWithHead } from './persistence/sessions.repository.js';
import { SessionLifecycle, subjectOf } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';
import { SessionsService } from './sessions.service.js';
import { assertVersion } from './session-versions.js';

/** Characters of JSON: it is part of every list the session is in. */
const MAX_STATE = 64 * 1024;

/** How far the work of a session is, as its agent or whoever steers it says. */
@Injectable()
export class SessionStates {
  constructor(
    private readonly sessions: SessionsRepository,
    private readonly views: SessionsService,
    private readonly lifecycle: SessionLifecycle,
    private readonly scope: SessionScope,
    private readonly unit: UnitOfWork,
  ) {}

  /**
   * Absent fields stay as they are. `versions`: refused where the session has none of these by now.
   * @throws SessionNotFoundError, ForbiddenError, VersionConflictError, InvalidInputError where the state is too large
   */
  async change(
    principal: Principal,
    id: string,
    { version, phase, step, state }: PatchSessionStateRequest,
    versions?: readonly string[],
  ): Promise<SessionWithHead> {
    const { id: sessionId } = await this.scope.findToEdit(principal, id);
    const text = state === undefined ? undefined : JSON.stringify(state);
    if (text !== undefined && text.length > MAX_STATE)
      throw new InvalidInputError(`state: has ${text.length} characters of JSON; ${MAX_STATE} are allowed.`, {
        remedy: 'Keep what is large in a file or an event, and name it in the state.',
        issues: [{ path: 'state', message: `at most ${MAX_STATE} characters of JSON` }],
      });
    await this.unit.run(async (work) => {
      const session = await this.lifecycle.lock(work, sessionId);
      assertVersion(session, version, versions);
      const changes: Partial<SessionEntity> = {
        ...(phase === undefined ? {} : { phase }),
        ...(step === undefined ? {} : { step }),
        ...(text === undefined ? {} : { state: text }),
      };
      const changed = (['phase', 'step', 'state'] as const).filter((key) => key in changes && changes[key] !== session[key]);
      if (changed.length === 0) return;
      const after = { ...session, ...changes };
      await this.sessions.update(sessionId, { ...changes, version: session.version + 1, updatedAt: this.scope.nowIso() });
      const told = (row: SessionEntity) => changedFields({ ...row, state: parseObject(row.state) }, changed);
      const facts = { phase: after.phase, step: after.step, changed, before: told(session), after: told(after) };
      work.emit('session.state-changed', subjectOf(session, principal), { sessionId, ...facts });
    });
    return this.views.get(principal, sessionId);
  }
}
