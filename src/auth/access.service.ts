import { Injectable } from '@nestjs/common';
import { ForbiddenError } from './auth.errors.js';
import {
  PERMISSIONS,
  type Permission,
  type Principal,
  type Visibility,
  type Visible,
  WORKSPACE_ROLES,
  type WorkspaceRole,
} from './principal.types.js';

/** What an agent may do, and within its own session only. */
const AGENT_PERMISSIONS: readonly Permission[] = ['public', 'self:read', 'sessions:read', 'events:append'];
/** What is an admin's alone. */
const ADMIN_PERMISSIONS: readonly Permission[] = ['agents:manage', 'audit:read', 'ops:read'];

/** What a principal may do and see. */
@Injectable()
export class Access {
  /** @throws ForbiddenError where its kind, or its credential, does not reach so far */
  assertMay(principal: Principal, permission: Permission): void {
    if (this.permissionsOf(principal).includes(permission)) return;
    throw new ForbiddenError(`These credentials do not reach so far: ${permission} is needed.`, { context: { permission } });
  }

  permissionsOf(principal: Principal): readonly Permission[] {
    const { kind, permissions } = principal;
    if (kind === 'agent') return AGENT_PERMISSIONS;
    const ofKind = kind === 'admin' || kind === 'system' ? PERMISSIONS : PERMISSIONS.filter((each) => !ADMIN_PERMISSIONS.includes(each));
    if (!permissions) return ofKind;
    return ofKind.filter((each) => each === 'public' || each === 'self:read' || permissions.includes(each));
  }

  visibilityOf(principal: Principal): Visibility {
    if (isAdmin(principal)) return { all: true };
    return {
      all: false,
      ownerId: principal.workspaceLimit ? null : principal.id,
      workspaceIds: [...(principal.roles?.keys() ?? [])],
      sessionId: principal.sessionId,
    };
  }

  /** For what is made outside of any workspace. @throws ForbiddenError where the credential is limited to workspaces */
  assertUnlimited({ workspaceLimit }: Principal): void {
    if (!workspaceLimit) return;
    throw new ForbiddenError('This key reaches its workspaces only.', {
      remedy: 'Do it in one of them, or use a key that is not limited to workspaces.',
      context: { workspaceIds: workspaceLimit },
    });
  }

  /**
   * Whether `principal` may do to a thing it sees what needs this role. What belongs to no workspace is its owner's alone, and an
   * agent acts in its own session.
   * @throws ForbiddenError
   */
  assertRole(principal: Principal, subject: Visible, role: WorkspaceRole): void {
    if (isAdmin(principal) || (principal.kind === 'agent' && principal.sessionId === subject.sessionId)) return;
    if (subject.workspaceId === null) {
      if (subject.ownerId === principal.id && !principal.workspaceLimit) return;
      throw new ForbiddenError('This belongs to somebody else.');
    }
    const own = principal.roles?.get(subject.workspaceId);
    if (own !== undefined && WORKSPACE_ROLES.indexOf(own) >= WORKSPACE_ROLES.indexOf(role)) return;
    throw new ForbiddenError(`This takes the role ${role} in the workspace; yours is ${own ?? 'none'}.`, {
      remedy: 'Ask an owner of the workspace.',
      context: { needed: role, role: own ?? null },
    });
  }
}

/** Sees and may everything. */
export const isAdmin = ({ kind }: Principal): boolean => kind === 'admin' || kind === 'system';
