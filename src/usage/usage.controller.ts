import { Get, Query } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { UsageQuery } from './dto/usage.dto.js';
import { UsagePageResponse } from './dto/usage.response.js';
import { UsageService } from './usage.service.js';

const SUMS = { input: 1200, output: 340, cacheRead: 0, cacheWrite: 0, costUsd: 0.012 };

@MusterController('usage', 'usage')
export class UsageController {
  constructor(private readonly usage: UsageService) {}

  @Get()
  @Route({
    id: 'getUsage',
    summary: 'Tokens and cost, by day, workspace, session, agent, model or turn',
    description: 'By day where `groupBy` is absent. Each session counts what it used itself; what a deleted one used stays counted.',
    permission: 'sessions:read',
    response: {
      type: UsagePageResponse,
      example: { groupBy: 'day', items: [{ key: '2026-11-21', ...SUMS }], total: SUMS, nextCursor: null },
    },
  })
  async sum(@CurrentPrincipal() principal: Principal, @Query() query: UsageQuery): Promise<UsagePageResponse> {
    return UsagePageResponse.of(await this.usage.sum(principal, query));
  }
}
