import { Body, Get, Post } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { ReapOrphanRequest } from './dto/orphans.dto.js';
import { OrphanListResponse, OrphanResponse, ReapedResponse } from './dto/orphans.response.js';
import { Orphans } from './orphans.service.js';

const EXAMPLE = {
  pid: 4711,
  startedAt: 8123456,
  reason: 'session_unknown',
  sessionId: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
  nodeId: '01998c7e-4b00-7a90-9c11-0d8e1f2a3b4c',
  command: 'sleep 600',
};

@MusterController('agents/orphans', 'agents')
export class OrphansController {
  constructor(private readonly orphans: Orphans) {}

  @Get()
  @Route({
    id: 'listOrphans',
    summary: 'Processes of agents that no session accounts for',
    description: 'They are never ended by themselves while the server runs; what is provably its own is ended at its start.',
    permission: 'agents:manage',
    response: { type: OrphanListResponse, example: { items: [EXAMPLE] } },
  })
  async list(): Promise<OrphanListResponse> {
    return { items: (await this.orphans.list()).map((each) => OrphanResponse.of(each)) };
  }

  @Post(':pid/reap')
  @Route({
    id: 'reapOrphan',
    summary: 'End an orphan, with its group and what it brought forth',
    permission: 'agents:manage',
    body: { type: ReapOrphanRequest, examples: { 'as listed': { startedAt: 8123456 } } },
    response: { type: ReapedResponse, example: { ended: 1, survivors: [] } },
    errors: { 404: ['orphan_not_found'], 409: ['orphan_changed'] },
  })
  async reap(
    @CurrentPrincipal() principal: Principal,
    @Id('pid') pid: string,
    @Body() { startedAt }: ReapOrphanRequest,
  ): Promise<ReapedResponse> {
    return ReapedResponse.of(await this.orphans.reap(principal, Number(pid), startedAt));
  }
}
