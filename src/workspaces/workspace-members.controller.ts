import { Body, Delete, Get, Put } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { PRINCIPAL_ID } from '../auth/principal.types.js';
import { MemberListResponse, MemberRemovedResponse, MemberResponse, SetMemberRequest } from './dto/members.dto.js';
import { WorkspaceMembers } from './workspace-members.service.js';

const MEMBER = { principalId: 'user:ada', role: 'editor', createdAt: '2026-11-20T14:00:00.000Z' };

@MusterController('workspaces/:id/members', 'workspaces')
export class WorkspaceMembersController {
  constructor(private readonly members: WorkspaceMembers) {}

  @Get()
  @Route({
    id: 'listMembers',
    summary: 'Who may enter a workspace',
    permission: 'workspaces:read',
    response: { type: MemberListResponse, example: { items: [MEMBER] } },
    errors: { 404: ['workspace_not_found'] },
  })
  async list(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<MemberListResponse> {
    return { items: (await this.members.list(principal, id)).map((member) => MemberResponse.of(member)) };
  }

  @Put(':principalId')
  @Route({
    id: 'setMember',
    summary: 'Give somebody a role in a workspace',
    permission: 'workspaces:write',
    body: { type: SetMemberRequest, examples: { editor: { role: 'editor' } } },
    response: { type: MemberResponse, example: MEMBER },
    errors: { 404: ['workspace_not_found'], 409: ['last_owner'] },
  })
  async set(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Id('principalId') principalId: string,
    @Body() { role }: SetMemberRequest,
  ): Promise<MemberResponse> {
    if (!PRINCIPAL_ID.test(principalId))
      throw new InvalidInputError('principalId: is not the id of a principal.', {
        remedy: 'Letters, digits and . _ : @ | / -, at most 128.',
      });
    return MemberResponse.of(await this.members.set(principal, id, principalId, role));
  }

  @Delete(':principalId')
  @Route({
    id: 'removeMember',
    summary: 'Take somebody’s role away; their live connections to the workspace end',
    permission: 'workspaces:write',
    response: { type: MemberRemovedResponse, example: { principalId: 'user:ada', removed: true } },
    errors: { 404: ['workspace_not_found', 'member_not_found'], 409: ['last_owner'] },
  })
  async remove(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Id('principalId') principalId: string,
  ): Promise<MemberRemovedResponse> {
    await this.members.remove(principal, id, principalId);
    return { principalId, removed: true };
  }
}
