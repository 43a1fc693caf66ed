import { Get } from '@nestjs/common';
import { MusterController } from '../../auth/muster-controller.decorator.js';
import type { Principal } from '../../auth/principal.types.js';
import { CurrentPrincipal } from '../../auth/request-params.decorator.js';
import { Route } from '../../auth/route.decorator.js';
import { ModeListResponse, ModeResponse } from '../dto/mode.response.js';
import { Modes } from './modes.service.js';

const EXAMPLE = {
  items: [
    {
      id: 'copilot',
      label: 'Copilot',
      description: 'Interactive multi-agent assistant with flexible routing',
      supportsResume: true,
      supportsHitl: true,
    },
  ],
};

@MusterController('sessions/modes', 'sessions')
export class ModesController {
  constructor(private readonly modes: Modes) {}

  @Get('list')
  @Route({
    id: 'listModes',
    summary: 'The modes that sessions can be started in',
    description: 'Further ones go into MUSTER_MODES_FILE.',
    permission: 'sessions:read',
    response: { type: ModeListResponse, example: EXAMPLE },
  })
  list(@CurrentPrincipal() principal: Principal): ModeListResponse {
    return { items: this.modes.list(principal).map((mode) => ModeResponse.of(mode)) };
  }
}
