import { IsIn } from 'class-validator';
import type { WorkspaceMemberEntity } from '../../auth/persistence/workspace-member.entity.js';
import { WORKSPACE_ROLES, type WorkspaceRole } from '../../auth/principal.types.js';

export class SetMemberRequest {
  /** A viewer looks, an editor also starts and steers sessions, an owner also decides about the workspace. @example 'editor' */
  @IsIn(WORKSPACE_ROLES)
  role: WorkspaceRole;
}

export class MemberResponse {
  /** @example 'user:ada' */
  principalId: string;
  /** `viewer`, `editor` or `owner`. @example 'editor' */
  role: string;
  /** @example '2026-11-20T14:00:00.000Z' */
  createdAt: string;

  static of({ principalId, role, createdAt }: WorkspaceMemberEntity): MemberResponse {
    return { principalId, role, createdAt };
  }
}

export class MemberListResponse {
  items: MemberResponse[];
}

export class MemberRemovedResponse {
  /** @example 'user:ada' */
  principalId: string;
  /** @example true */
  removed: boolean;
}
