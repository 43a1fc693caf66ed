import { Body, Get, Post, Query } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import type { Principal } from '../../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../../auth/request-params.decorator.js';
import { appendUse } from '../../events/event-log.types.js';
import { CompatController } from '../compat-controller.decorator.js';
import type { AoStoredEvent } from './ao-event.types.js';
import { AoEvents } from './ao-events.service.js';
import { AoBody, AoLimit, type EventBody, eventBody } from './ao-input.js';
import { AO_EVENT_EXAMPLE, AO_EVENTS_EXAMPLE, AoRoute, NO_SESSION } from './ao-route.js';
import { AoSessions } from './ao-sessions.service.js';
import { AoEventRequest } from './dto/ao-requests.dto.js';
import { AoEventListResponse, AoHealthResponse, AoOkResponse } from './dto/ao.response.js';

const LIMIT = { name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 10_000, default: 100 } } as const;
const EVENT = { type: AoEventRequest, examples: { message: AO_EVENT_EXAMPLE } };
const EVENTS = { type: AoEventListResponse, example: AO_EVENTS_EXAMPLE };
const ENDED = { 409: ['session_ended', 'not_supported'] };

@CompatController('agent-orchestrator')
export class AoEventsController {
  constructor(
    private readonly events: AoEvents,
    private readonly sessions: AoSessions,
  ) {}

  @Post('sessions/:id/events')
  @AoRoute({
    id: 'aoAddSessionEvent',
    summary: 'Add an event to a session',
    permission: 'events:append',
    limit: 'append',
    use: appendUse,
    body: EVENT,
    response: { type: AoOkResponse, example: { ok: true } },
    errors: { 400: ['session_id_mismatch'], ...NO_SESSION, ...ENDED },
  })
  async add(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body(new AoBody(eventBody)) event: EventBody,
  ): Promise<AoOkResponse> {
    await this.events.append(principal, id, event);
    return { ok: true };
  }

  @Get('sessions/:id/events')
  @ApiQuery(LIMIT)
  @AoRoute({
    id: 'aoListSessionEvents',
    summary: 'The first events of a session, oldest first by their timestamps',
    permission: 'sessions:read',
    response: EVENTS,
    errors: NO_SESSION,
  })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query('limit', AoLimit) limit: number,
  ): Promise<{ events: AoStoredEvent[] }> {
    return { events: await this.events.read(principal, await this.sessions.get(principal, id), limit) };
  }

  @Post('events')
  @AoRoute({
    id: 'aoReceiveEvent',
    summary: 'Add an event, of a session that may be new (deprecated there, and what hooks use)',
    permission: 'events:append',
    limit: 'append',
    use: appendUse,
    body: EVENT,
    response: { type: AoOkResponse, example: { ok: true } },
    errors: { ...NO_SESSION, ...ENDED },
  })
  async receive(@CurrentPrincipal() principal: Principal, @Body(new AoBody(eventBody)) event: EventBody): Promise<AoOkResponse> {
    await this.events.receive(principal, event);
    return { ok: true };
  }

  @Get('events/:id')
  @ApiQuery(LIMIT)
  @AoRoute({
    id: 'aoListEvents',
    summary: 'As sessions/.../events; nothing where there is no such session (deprecated there)',
    permission: 'sessions:read',
    response: EVENTS,
  })
  async ofSession(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query('limit', AoLimit) limit: number,
  ): Promise<{ events: AoStoredEvent[] }> {
    return { events: await this.events.readIfThere(principal, id, limit) };
  }

  @Get('health')
  @AoRoute({
    id: 'aoGetHealth',
    summary: 'Whether the server answers',
    permission: 'public',
    limit: 'none',
    response: { type: AoHealthResponse, example: { status: 'healthy' } },
  })
  health(): AoHealthResponse {
    return { status: 'healthy' };
  }
}
