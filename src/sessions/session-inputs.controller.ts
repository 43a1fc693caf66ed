import { Get, Query } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { SESSION_EXAMPLE } from './dto/session.example.js';
import { ListInputsQuery } from './dto/session-requests.dto.js';
import { InputPageResponse, InputResponse } from './dto/session.response.js';
import { SessionInputs } from './session-inputs.service.js';

const INPUT_EXAMPLE = {
  id: '01998c7e-6b8c-7d2f-9a11-6a2d4b5e6f70',
  position: 1,
  state: 'delivered',
  turn: 1,
  content: [{ type: 'text', text: 'say:hello' }],
  by: SESSION_EXAMPLE.ownerId,
  createdAt: SESSION_EXAMPLE.createdAt,
  deliveredAt: SESSION_EXAMPLE.startedAt,
};

@MusterController('sessions', 'sessions')
export class SessionInputsController {
  constructor(private readonly inputs: SessionInputs) {}

  @Get(':id/inputs')
  @Route({
    id: 'listInputs',
    summary: 'The prompts of a session, in the order in which its agent gets them',
    description: 'What waits is `accepted`; `unknown` says that the server died in between: such a prompt is never sent a second time.',
    permission: 'sessions:read',
    response: { type: InputPageResponse, example: { items: [INPUT_EXAMPLE], nextCursor: null } },
    errors: { 404: ['session_not_found'] },
  })
  async list(@CurrentPrincipal() principal: Principal, @Id() id: string, @Query() query: ListInputsQuery): Promise<InputPageResponse> {
    const { items, nextCursor } = await this.inputs.list(principal, id, query);
    return { items: items.map((input) => InputResponse.of(input)), nextCursor };
  }
}
