import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { WorktreeEntity } from '../workspaces/persistence/worktree.entity.js';
import type { WorktreeFate } from '../workspaces/worktree.types.js';
import { WorktreeRemovals } from '../workspaces/worktree-removals.service.js';
import { Worktrees } from '../workspaces/worktrees.service.js';
import { SessionScope } from './session-scope.service.js';
import { SessionStops } from './session-stops.service.js';
import { isLive } from './session.state.js';
import { SessionsService } from './sessions.service.js';

export interface RemovedSession {
  readonly id: string;
  readonly worktree?: WorktreeFate;
}

/** Deletes sessions, and their worktrees where nothing is lost with them. */
@Injectable()
export class SessionRemovals {
  constructor(
    private readonly sessions: SessionsService,
    private readonly scope: SessionScope,
    private readonly stops: SessionStops,
    private readonly worktrees: Worktrees,
    private readonly removals: WorktreeRemovals,
    private readonly unit: UnitOfWork,
  ) {}

  /** @throws SessionNotFoundError, SessionLiveError */
  async remove(principal: Principal, id: string, { force = false }: { force?: boolean }): Promise<RemovedSession> {
    const session = await this.scope.findToEdit(principal, id);
    const worktree = await this.worktrees.of(session);
    // While an agent writes, nobody can tell whether all of it is committed.
    const isQuiet = !worktree || !force || !isLive(session.status) || (await this.stops.stop(principal, session.id)).isEnded;
    const removed = { id: await this.sessions.remove(principal, session.id, { force }) };
    return worktree ? { ...removed, worktree: await this.settle(worktree, isQuiet) } : removed;
  }

  private async settle(worktree: WorktreeEntity, isQuiet: boolean): Promise<WorktreeFate> {
    const { path, branch } = worktree;
    if (!isQuiet) return { path, branch, removed: false, reason: 'its agent is still being ended' };
    const isShared = (await this.sessions.findAnyIn(path)) !== null;
    if (isShared) return { path, branch, removed: false, reason: 'another session works in it too' };
    const fate = await this.removals.removeIfNothingIsLost(worktree);
    if (fate.removed) await this.unit.run(() => this.worktrees.forget(worktree));
    return fate;
  }
}
