import { Get } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { AgentsService } from './agents.service.js';
import { AgentListResponse, AgentResponse } from './dto/agent.response.js';

const EXAMPLE = {
  items: [
    {
      name: 'codex',
      title: 'Codex',
      runtime: 'acp',
      isFound: true,
      version: '2.6.0',
      path: '/usr/local/bin/codex-acp',
      capabilities: { interrupt: true, resume: true, approvals: true },
      installHint: 'npm install --global @agentclientprotocol/codex-acp',
    },
  ],
};

@MusterController('agents', 'agents')
export class AgentsController {
  constructor(private readonly agents: AgentsService) {}

  @Get()
  @Route({
    id: 'listAgents',
    summary: 'The agents there are, and which are found on this host',
    description:
      'Versions are asked of the programs themselves, at most once a minute; one that does not answer within 5 seconds has `null`.',
    permission: 'agents:read',
    response: { type: AgentListResponse, example: EXAMPLE },
  })
  async list(@CurrentPrincipal() principal: Principal): Promise<AgentListResponse> {
    const agents = await this.agents.list(principal);
    return { items: agents.map((agent) => AgentResponse.of(agent)) };
  }
}
