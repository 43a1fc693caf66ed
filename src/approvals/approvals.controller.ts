import { Body, Get, Post, Query } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { ApprovalsService } from './approvals.service.js';
import { APPROVAL_EXAMPLE } from './dto/approval.example.js';
import { ApprovalPageResponse, ApprovalResponse } from './dto/approval.response.js';
import { DecideRequest, ListApprovalsQuery, PageApprovalsQuery } from './dto/approvals.dto.js';

const NOT_FOUND = { 404: ['approval_not_found'] } as const;

@MusterController('', 'approvals')
export class ApprovalsController {
  constructor(private readonly approvals: ApprovalsService) {}

  @Get('approvals')
  @Route({
    id: 'listApprovals',
    summary: 'What agents ask, newest first',
    permission: 'approvals:read',
    response: { type: ApprovalPageResponse, example: { items: [APPROVAL_EXAMPLE], nextCursor: null } },
  })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: ListApprovalsQuery): Promise<ApprovalPageResponse> {
    const page = await this.approvals.list(principal, query);
    return { ...page, items: page.items.map((each) => ApprovalResponse.of(each)) };
  }

  @Get('approvals/:id')
  @Route({
    id: 'getApproval',
    summary: 'One question of an agent',
    permission: 'approvals:read',
    response: { type: ApprovalResponse, example: APPROVAL_EXAMPLE },
    errors: NOT_FOUND,
  })
  async get(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<ApprovalResponse> {
    return ApprovalResponse.of(await this.approvals.get(principal, id));
  }

  @Get('sessions/:id/approvals')
  @Route({
    id: 'listSessionApprovals',
    summary: 'What the agent of a session asks and asked, newest first',
    permission: 'approvals:read',
    response: { type: ApprovalPageResponse, example: { items: [APPROVAL_EXAMPLE], nextCursor: null } },
    errors: { 404: ['session_not_found'] },
  })
  async listOfSession(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query() query: PageApprovalsQuery,
  ): Promise<ApprovalPageResponse> {
    const page = await this.approvals.listOf(principal, id, query);
    return { ...page, items: page.items.map((each) => ApprovalResponse.of(each)) };
  }

  @Post('approvals/:id/decide')
  @Route({
    id: 'decideApproval',
    summary: 'Answer a question of an agent',
    description:
      'The first valid decision counts, and reaches the agent once. An equal one again is answered with it; another one is 409 with what was decided, and by whom.',
    permission: 'approvals:decide',
    body: {
      type: DecideRequest,
      examples: { allow: { optionId: 'allow_once' }, reject: { optionId: 'reject_once', text: 'Not on the main branch.' } },
    },
    response: {
      type: ApprovalResponse,
      example: {
        ...APPROVAL_EXAMPLE,
        status: 'decided',
        decision: { optionId: 'allow_once' },
        decidedBy: 'user:ada',
        decidedAt: '2026-11-20T14:01:00.000Z',
      },
    },
    errors: { 400: ['unknown_option'], ...NOT_FOUND, 409: ['approval_decided', 'approval_closed', 'edits_not_supported'] },
  })
  async decide(@CurrentPrincipal() principal: Principal, @Id() id: string, @Body() request: DecideRequest): Promise<ApprovalResponse> {
    return ApprovalResponse.of(await this.approvals.decide(principal, id, { ...request }));
  }
}
