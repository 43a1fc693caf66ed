import { Injectable } from '@nestjs/common';
import { basename } from 'node:path';
import { Access } from '../auth/access.service.js';
import { Memberships } from '../auth/memberships.service.js';
import type { Principal, WorkspaceRole } from '../auth/principal.types.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import type { Work } from '../core/database/work.js';
import { changedFields } from '../core/event-bus/changed-fields.js';
import { newId } from '../core/ids.js';
import type { Page } from '../core/paging/page.js';
import type { CreateWorkspaceRequest, ListWorkspacesQuery, PatchWorkspaceRequest } from './dto/workspace-requests.dto.js';
import { PathRules } from './path-rules.js';
import type { WorkspaceEntity } from './persistence/workspace.entity.js';
import { WorkspacesRepository } from './persistence/workspaces.repository.js';
import { retentionOf, retentionText } from './retention-text.js';
import type { RetentionRule } from './retention.types.js';
import { WorkspaceExistsError, WorkspaceNotFoundError, WorkspaceVersionConflictError } from './workspaces.errors.js';

/**
 * What another module does when a workspace is deleted, in the same unit of work and under the lock of the workspace: it throws
 * `WorkspaceInUseError` to refuse, or lets go of the workspace.
 */
export type WorkspaceDeletionGuard = (work: Work, workspaceId: string) => Promise<void>;

/** Project directories, for those who may see them. What one may not see is not there. Files are never touched. */
@Injectable()
export class WorkspacesService {
  private readonly deletionGuards: WorkspaceDeletionGuard[] = [];

  constructor(
    private readonly workspaces: WorkspacesRepository,
    private readonly paths: PathRules,
    private readonly access: Access,
    private readonly memberships: Memberships,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
  ) {}

  /** For modules whose rows point at workspaces: workspaces knows none of them. Call it in the constructor or `onModuleInit`. */
  addDeletionGuard(guard: WorkspaceDeletionGuard): void {
    this.deletionGuards.push(guard);
  }

  /** @throws WorkspaceNotFoundError */
  async getVisible(principal: Principal, id: string): Promise<WorkspaceEntity> {
    const workspace = await this.workspaces.findVisible(id, this.access.visibilityOf(principal));
    if (!workspace) throw new WorkspaceNotFoundError(id);
    return workspace;
  }

  /** For what takes a role. @throws WorkspaceNotFoundError, ForbiddenError */
  async getFor(principal: Principal, id: string, role: WorkspaceRole): Promise<WorkspaceEntity> {
    const workspace = await this.getVisible(principal, id);
    this.access.assertRole(principal, { ownerId: workspace.ownerId, workspaceId: id, sessionId: null }, role);
    return workspace;
  }

  /** The workspaces that have a rule of their own for how long events are kept, by id. */
  async retentionRules(): Promise<Map<string, RetentionRule>> {
    const rules = await this.workspaces.findRetentions();
    return new Map(
      rules.flatMap(({ id, retention }) => {
        const rule = retentionOf(retention);
        return rule ? [[id, rule]] : [];
      }),
    );
  }

  /**
   * The workspace as it is now, for those who add something to it: until the unit of work ends nobody changes or deletes it.
   * Only inside of a unit; it asks nobody's permission. @throws WorkspaceNotFoundError where it was deleted meanwhile
   */
  async lock(id: string): Promise<WorkspaceEntity> {
    const workspace = await this.workspaces.lock(id);
    if (!workspace) throw new WorkspaceNotFoundError(id);
    return workspace;
  }

  /** @throws InvalidInputError where the cursor is not of this list */
  list(principal: Principal, { q, cursor, limit, total, sort = '-createdAt' }: ListWorkspacesQuery): Promise<Page<WorkspaceEntity>> {
    return this.workspaces.list({ q }, this.access.visibilityOf(principal), { sort, cursor, limit, total });
  }

  /**
   * Whether somebody may start something in this directory, or make it a workspace: the files of a workspace, whichever way they are
   * named and in worktrees too, are its editors' only. `real` is what {@link PathRules.resolveDirectory} gave.
   * @throws ForbiddenError where it lies in a workspace, or around one, that it does not reach as an editor
   */
  async assertMayWorkIn(principal: Principal, real: string): Promise<void> {
    this.assertEditorOf(principal, await this.workspaces.findAround(real));
    await this.assertNoWorktreeOfOthers(principal, real);
  }

  /** Makes a workspace of an existing directory; who makes it owns it. @throws PathError, ForbiddenError, WorkspaceExistsError */
  async create(
    principal: Principal,
    { path, name, maxActiveSessions, retention, metadata }: CreateWorkspaceRequest,
  ): Promise<WorkspaceEntity> {
    this.access.assertUnlimited(principal);
    const real = await this.paths.resolveDirectory(path);
    const around = await this.workspaces.findAround(real);
    this.assertEditorOf(
      principal,
      around.filter((other) => other.path !== real),
    );
    await this.assertNoWorktreeOfOthers(principal, real);
    const now = this.clock.nowIso();
    const workspace: WorkspaceEntity = {
      id: newId(),
      name: name ?? (basename(real) || real),
      path: real,
      maxActiveSessions: maxActiveSessions ?? null,
      retention: retentionText(retention ?? null),
      metadata: JSON.stringify(metadata ?? {}),
      ownerId: principal.id,
      createdAt: now,
      updatedAt: now,
      version: 1,
    };
    await this.unit.run(async (work) => {
      if (!(await this.workspaces.add(workspace))) throw await this.existsError(principal, real);
      await this.memberships.set(workspace.id, principal.id, 'owner', now);
      work.emit('workspace.created', subjectOf(workspace, principal), { workspaceId: workspace.id, name: workspace.name, path: real });
    });
    return workspace;
  }

  /**
   * Changes what is given; `versions` are those the caller knows, absent: any.
   * @throws WorkspaceNotFoundError, WorkspaceVersionConflictError
   */
  async patch(
    principal: Principal,
    id: string,
    { name, maxActiveSessions, retention, metadata }: PatchWorkspaceRequest,
    versions?: readonly string[],
  ): Promise<WorkspaceEntity> {
    await this.getFor(principal, id, 'owner');
    return this.unit.run(async (work) => {
      const workspace = await this.lock(id);
      if (versions && !versions.includes(String(workspace.version))) throw new WorkspaceVersionConflictError(workspace.version);
      const changes = changesOf(workspace, {
        name,
        maxActiveSessions,
        retention: retention === undefined ? undefined : retentionText(retention),
        metadata: metadata && JSON.stringify(metadata),
      });
      const changed = Object.keys(changes);
      if (changed.length === 0) return workspace;
      const written = { ...changes, version: workspace.version + 1, updatedAt: this.clock.nowIso() };
      await this.workspaces.update(id, written);
      const [before, after] = [
        changedFields(visibleOf(workspace), changed),
        changedFields(visibleOf({ ...workspace, ...changes }), changed),
      ];
      work.emit('workspace.updated', subjectOf(workspace, principal), { workspaceId: id, changed, before, after });
      return { ...workspace, ...written };
    });
  }

  /** Forgets a workspace; its directory and its ended sessions stay. @throws WorkspaceNotFoundError, WorkspaceInUseError */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.getFor(principal, id, 'owner');
    await this.unit.run(async (work) => {
      const workspace = await this.lock(id);
      for (const guard of this.deletionGuards) await guard(work, id);
      await this.memberships.removeAll(id);
      await this.workspaces.remove(id);
      const { name, path } = workspace;
      work.emit('workspace.deleted', subjectOf(workspace, principal), { workspaceId: id, name, path });
    });
  }

  private assertEditorOf(principal: Principal, workspaces: readonly WorkspaceEntity[]): void {
    for (const { id, ownerId } of workspaces) this.access.assertRole(principal, { ownerId, workspaceId: id, sessionId: null }, 'editor');
  }

  private async assertNoWorktreeOfOthers(principal: Principal, real: string): Promise<void> {
    for (const { workspaceId, ownerId } of await this.workspaces.findWorktreesAround(real))
      this.access.assertRole(principal, { ownerId, workspaceId, sessionId: null }, 'editor');
  }

  private async existsError(principal: Principal, path: string): Promise<WorkspaceExistsError> {
    const other = await this.workspaces.findByPath(path);
    const seen = other && (await this.workspaces.findVisible(other.id, this.access.visibilityOf(principal)));
    return new WorkspaceExistsError(path, seen?.id);
  }
}

const subjectOf = ({ id, ownerId }: WorkspaceEntity, by: Principal) => ({ workspaceId: id, ownerId, actor: by.id });

const visibleOf = (workspace: WorkspaceEntity): Record<string, unknown> => ({
  ...workspace,
  retention: retentionOf(workspace.retention),
  metadata: JSON.parse(workspace.metadata),
});

type Editable = Pick<WorkspaceEntity, 'name' | 'maxActiveSessions' | 'retention' | 'metadata'>;

/** What is given and differs. */
function changesOf(workspace: WorkspaceEntity, { name, maxActiveSessions, retention, metadata }: Partial<Editable>): Partial<Editable> {
  return {
    ...(name === undefined || name === workspace.name ? {} : { name }),
    ...(maxActiveSessions === undefined || maxActiveSessions === workspace.maxActiveSessions ? {} : { maxActiveSessions }),
    ...(retention === undefined || retention === workspace.retention ? {} : { retention }),
    ...(metadata === undefined || metadata === workspace.metadata ? {} : { metadata }),
  };
}
