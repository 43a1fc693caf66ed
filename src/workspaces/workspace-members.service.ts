import { Injectable } from '@nestjs/common';
import { Memberships } from '../auth/memberships.service.js';
import type { WorkspaceMemberEntity } from '../auth/persistence/workspace-member.entity.js';
import type { Principal, WorkspaceRole } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { LastOwnerError, MemberNotFoundError } from './workspaces.errors.js';
import { WorkspacesService } from './workspaces.service.js';

/** Who may enter a workspace. Its members see the list, its owners change it; one may always leave. */
@Injectable()
export class WorkspaceMembers {
  constructor(
    private readonly workspaces: WorkspacesService,
    private readonly memberships: Memberships,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** @throws WorkspaceNotFoundError */
  async list(principal: Principal, workspaceId: string): Promise<WorkspaceMemberEntity[]> {
    await this.workspaces.getVisible(principal, workspaceId);
    return this.memberships.membersOf(workspaceId);
  }

  /** Gives a role, in place of the one there was. @throws WorkspaceNotFoundError, ForbiddenError, LastOwnerError */
  async set(principal: Principal, workspaceId: string, principalId: string, role: WorkspaceRole): Promise<WorkspaceMemberEntity> {
    const { ownerId } = await this.workspaces.getFor(principal, workspaceId, 'owner');
    return this.unit.run(async (work) => {
      await this.workspaces.lock(workspaceId);
      const members = await this.memberships.membersOf(workspaceId);
      const before = members.find((each) => each.principalId === principalId);
      if (before?.role === role) return before;
      if (role !== 'owner') assertNotLastOwner(members, principalId);
      const createdAt = before?.createdAt ?? this.clock.nowIso();
      await this.memberships.set(workspaceId, principalId, role, createdAt);
      work.emit(
        'workspace.member-set',
        { workspaceId, ownerId, actor: principal.id },
        { workspaceId, principalId, before: before?.role ?? null, after: role },
      );
      return { workspaceId, principalId, role, createdAt };
    });
  }

  /** @throws WorkspaceNotFoundError, ForbiddenError, MemberNotFoundError, LastOwnerError */
  async remove(principal: Principal, workspaceId: string, principalId: string): Promise<void> {
    const { ownerId } = await this.workspaces.getFor(principal, workspaceId, principalId === principal.id ? 'viewer' : 'owner');
    await this.unit.run(async (work) => {
      await this.workspaces.lock(workspaceId);
      const members = await this.memberships.membersOf(workspaceId);
      const before = members.find((each) => each.principalId === principalId);
      if (!before) throw new MemberNotFoundError(principalId);
      assertNotLastOwner(members, principalId);
      await this.memberships.remove(workspaceId, principalId);
      work.emit(
        'workspace.member-removed',
        { workspaceId, ownerId, actor: principal.id },
        { workspaceId, principalId, before: before.role },
      );
    });
  }
}

function assertNotLastOwner(members: readonly WorkspaceMemberEntity[], principalId: string): void {
  const owners = members.filter(({ role }) => role === 'owner');
  if (owners.length === 1 && owners[0]?.principalId === principalId) throw new LastOwnerError();
}
