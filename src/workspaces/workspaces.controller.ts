import { Body, Delete, Get, Headers, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { Response } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { WORKSPACE_EXAMPLE } from './dto/workspace.example.js';
import { CreateWorkspaceRequest, ListWorkspacesQuery, PatchWorkspaceRequest } from './dto/workspace-requests.dto.js';
import { WorkspaceDeletedResponse, WorkspacePageResponse, WorkspaceResponse } from './dto/workspace.response.js';
import { etagOf, parseIfMatch } from '../core/http/if-match.js';
import { PATH_ERROR_CODES } from './path.errors.js';
import { WorkspacesService } from './workspaces.service.js';

const NOT_FOUND = { 404: ['workspace_not_found'] } as const;

@MusterController('workspaces', 'workspaces')
export class WorkspacesController {
  constructor(private readonly workspaces: WorkspacesService) {}

  @Post()
  @Route({
    id: 'createWorkspace',
    summary: 'Make a workspace of an existing directory',
    description:
      'The directory must lie below an allowed root (MUSTER_WORKSPACE_ROOTS) once its links are resolved. Answers with `Location` and `ETag`.',
    permission: 'workspaces:write',
    idempotent: 'plain',
    body: {
      type: CreateWorkspaceRequest,
      examples: {
        'a project': { path: '/home/me/project' },
        'one agent at a time': { path: '/home/me/project', name: 'My project', maxActiveSessions: 1 },
        'kept for a month': { path: '/home/me/project', retention: { maxAgeDays: 30, maxEvents: null } },
      },
    },
    response: { status: 201, type: WorkspaceResponse, example: WORKSPACE_EXAMPLE },
    errors: { 400: PATH_ERROR_CODES, 409: ['workspace_exists'], 503: ['path_unusable'] },
  })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() request: CreateWorkspaceRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<WorkspaceResponse> {
    const workspace = await this.workspaces.create(principal, request);
    response.setHeader('Location', `/api/workspaces/${workspace.id}`);
    response.setHeader('ETag', etagOf(workspace));
    return WorkspaceResponse.of(workspace);
  }

  @Get()
  @Route({
    id: 'listWorkspaces',
    summary: 'List workspaces, newest first',
    permission: 'workspaces:read',
    response: { type: WorkspacePageResponse, example: { items: [WORKSPACE_EXAMPLE], nextCursor: null } },
  })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: ListWorkspacesQuery): Promise<WorkspacePageResponse> {
    const page = await this.workspaces.list(principal, query);
    return { ...page, items: page.items.map((workspace) => WorkspaceResponse.of(workspace)) };
  }

  @Get(':id')
  @Route({
    id: 'getWorkspace',
    summary: 'One workspace',
    description: 'Its `ETag` is the version, for `If-Match` of a change.',
    permission: 'workspaces:read',
    response: { type: WorkspaceResponse, example: WORKSPACE_EXAMPLE },
    errors: NOT_FOUND,
  })
  async get(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<WorkspaceResponse> {
    const workspace = await this.workspaces.getVisible(principal, id);
    response.setHeader('ETag', etagOf(workspace));
    return WorkspaceResponse.of(workspace);
  }

  @Patch(':id')
  @ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag of what you read: refused with 409 `version_conflict` where it changed since.',
  })
  @Route({
    id: 'patchWorkspace',
    summary: 'Rename a workspace, or change its limit, retention or metadata',
    permission: 'workspaces:write',
    body: {
      type: PatchWorkspaceRequest,
      examples: {
        rename: { name: 'A better name' },
        'one agent at a time': { maxActiveSessions: 1 },
        'no limit': { maxActiveSessions: null },
        'the last 10,000 events a session': { retention: { maxAgeDays: null, maxEvents: 10_000 } },
      },
    },
    response: { type: WorkspaceResponse, example: { ...WORKSPACE_EXAMPLE, name: 'A better name', version: 2 } },
    errors: { ...NOT_FOUND, 409: ['version_conflict'] },
  })
  async patch(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() request: PatchWorkspaceRequest,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<WorkspaceResponse> {
    const workspace = await this.workspaces.patch(principal, id, request, parseIfMatch(ifMatch));
    response.setHeader('ETag', etagOf(workspace));
    return WorkspaceResponse.of(workspace);
  }

  @Delete(':id')
  @Route({
    id: 'deleteWorkspace',
    summary: 'Forget a workspace',
    description:
      'Its directory stays as it is, and so do its ended sessions, without a workspace. Refused while sessions in it are live, or git worktrees of its sessions are there.',
    permission: 'workspaces:write',
    response: { type: WorkspaceDeletedResponse, example: { id: WORKSPACE_EXAMPLE.id, deleted: true } },
    errors: { ...NOT_FOUND, 409: ['workspace_in_use', 'workspace_has_worktrees'] },
  })
  async remove(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<WorkspaceDeletedResponse> {
    await this.workspaces.remove(principal, id);
    return { id, deleted: true };
  }
}
