import { Injectable } from '@nestjs/common';
import { WorkspaceMemberEntity } from './persistence/workspace-member.entity.js';
import { MembershipsRepository } from './persistence/memberships.repository.js';
import type { WorkspaceRole } from './principal.types.js';

/** Who has which role where. Writes belong into a unit of work that also emits the event that tells of them. */
@Injectable()
export class Memberships {
  constructor(private readonly members: MembershipsRepository) {}

  /** The roles of a principal, by workspace. */
  async rolesOf(principalId: string): Promise<Map<string, WorkspaceRole>> {
    return new Map((await this.members.ofPrincipal(principalId)).map(({ workspaceId, role }) => [workspaceId, role]));
  }

  /** The members of a workspace, in the order of their ids. */
  membersOf(workspaceId: string): Promise<WorkspaceMemberEntity[]> {
    return this.members.ofWorkspace(workspaceId);
  }

  async roleIn(workspaceId: string, principalId: string): Promise<WorkspaceRole | null> {
    return (await this.members.find(workspaceId, principalId))?.role ?? null;
  }

  async set(workspaceId: string, principalId: string, role: WorkspaceRole, createdAt: string): Promise<void> {
    await this.members.save({ workspaceId, principalId, role, createdAt });
  }

  async remove(workspaceId: string, principalId: string): Promise<void> {
    await this.members.remove(workspaceId, principalId);
  }

  async removeAll(workspaceId: string): Promise<void> {
    await this.members.removeAll(workspaceId);
  }
}
