import { Body, Delete, Get, Patch, Post } from '@nestjs/common';
import type { Principal } from '../../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../../auth/request-params.decorator.js';
import { CompatController } from '../compat-controller.decorator.js';
import { AoEvents } from './ao-events.service.js';
import { AoBody, type SessionCreate, sessionCreate, type SessionMetadata, sessionMetadata } from './ao-input.js';
import { AO_SESSION_EXAMPLE, AoRoute, NO_SESSION } from './ao-route.js';
import { factsOf, rowOf, sessionIdOf, shownStatus } from './ao-session-row.js';
import { AoSessions } from './ao-sessions.service.js';
import { AoSessionCreateRequest, AoSessionMetadataRequest } from './dto/ao-requests.dto.js';
import {
  AoDeletedResponse,
  AoResultResponse,
  AoSessionChangedResponse,
  AoSessionListResponse,
  AoSessionResponse,
  AoStatusResponse,
  AoStoppedResponse,
} from './dto/ao.response.js';

const CHANGED = { type: AoSessionChangedResponse, example: { ok: true, session: AO_SESSION_EXAMPLE } };
const METADATA = { type: AoSessionMetadataRequest, examples: { rename: { session_name: 'better' } } };

@CompatController('agent-orchestrator')
export class AoSessionsController {
  constructor(
    private readonly sessions: AoSessions,
    private readonly events: AoEvents,
  ) {}

  @Post('sessions')
  @AoRoute({
    id: 'aoCreateSession',
    summary: 'Report a session that somebody runs',
    permission: 'sessions:create',
    body: {
      type: AoSessionCreateRequest,
      examples: { one: { session_id: 'test-123', session_name: 'test', project_dir: '/tmp' } },
    },
    response: CHANGED,
    errors: { 409: ['external_id_taken'] },
  })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body(new AoBody(sessionCreate)) body: SessionCreate,
  ): Promise<AoSessionChangedResponse> {
    return { ok: true, session: rowOf(factsOf(await this.sessions.create(principal, body))) };
  }

  @Get('sessions')
  @AoRoute({
    id: 'aoListSessions',
    summary: 'All sessions, newest first',
    permission: 'sessions:read',
    response: { type: AoSessionListResponse, example: { sessions: [AO_SESSION_EXAMPLE] } },
  })
  async list(@CurrentPrincipal() principal: Principal): Promise<AoSessionListResponse> {
    return { sessions: (await this.sessions.list(principal)).map(rowOf) };
  }

  @Get('sessions/by-name/:name')
  @AoRoute({
    id: 'aoGetSessionByName',
    summary: 'The newest session of a name',
    permission: 'sessions:read',
    response: { type: AoSessionResponse, example: { session: AO_SESSION_EXAMPLE } },
    errors: NO_SESSION,
  })
  async byName(@CurrentPrincipal() principal: Principal, @Id('name') name: string): Promise<AoSessionResponse> {
    return { session: rowOf(factsOf(await this.sessions.getByName(principal, name))) };
  }

  @Get('sessions/:id')
  @AoRoute({
    id: 'aoGetSession',
    summary: 'One session',
    permission: 'sessions:read',
    response: { type: AoSessionResponse, example: { session: AO_SESSION_EXAMPLE } },
    errors: NO_SESSION,
  })
  async get(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<AoSessionResponse> {
    return { session: rowOf(factsOf(await this.sessions.get(principal, id))) };
  }

  @Get('sessions/:id/status')
  @AoRoute({
    id: 'aoGetSessionStatus',
    summary: 'Whether a session runs, has finished, or is not there',
    permission: 'sessions:read',
    response: { type: AoStatusResponse, example: { status: 'running' } },
  })
  async status(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<AoStatusResponse> {
    const session = await this.sessions.find(principal, id);
    return { status: session ? shownStatus(session.status) : 'not_existent' };
  }

  @Get('sessions/:id/result')
  @AoRoute({
    id: 'aoGetSessionResult',
    summary: 'What the assistant said last in a session that has finished',
    permission: 'sessions:read',
    response: { type: AoResultResponse, example: { result: 'Hello' } },
    errors: { 404: ['session_not_found', 'session_not_finished', 'no_result'] },
  })
  async result(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<AoResultResponse> {
    return { result: await this.events.result(principal, id) };
  }

  @Patch('sessions/:id')
  @AoRoute({
    id: 'aoPatchSession',
    summary: 'As .../metadata',
    permission: 'sessions:write',
    body: METADATA,
    response: CHANGED,
    errors: NO_SESSION,
  })
  async patch(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body(new AoBody(sessionMetadata)) body: SessionMetadata,
  ): Promise<AoSessionChangedResponse> {
    return { ok: true, session: rowOf(factsOf(await this.sessions.describe(principal, id, body))) };
  }

  @Patch('sessions/:id/metadata')
  @AoRoute({
    id: 'aoPatchSessionMetadata',
    summary: 'Change what is said of a session, or say that it goes on',
    permission: 'sessions:write',
    body: METADATA,
    response: CHANGED,
    errors: NO_SESSION,
  })
  async describe(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body(new AoBody(sessionMetadata)) body: SessionMetadata,
  ): Promise<AoSessionChangedResponse> {
    return { ok: true, session: rowOf(factsOf(await this.sessions.describe(principal, id, body))) };
  }

  @Post('sessions/:id/stop')
  @AoRoute({
    id: 'aoStopSession',
    summary: 'End the agent of a session; one that somebody else runs is noted as finished',
    permission: 'sessions:control',
    response: {
      type: AoStoppedResponse,
      example: { ok: true, session_id: 'test-123', session_name: 'test', status: 'stopped' },
    },
    errors: { ...NO_SESSION, 409: ['illegal_move'] },
  })
  async stop(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<AoStoppedResponse> {
    const { session, status } = await this.sessions.stop(principal, id);
    return { ok: true, session_id: sessionIdOf(session), session_name: session.name, status };
  }

  @Delete('sessions/:id')
  @AoRoute({
    id: 'aoDeleteSession',
    summary: 'Delete a session with its events',
    permission: 'sessions:write',
    response: {
      type: AoDeletedResponse,
      example: { ok: true, session_id: 'test-123', deleted: { session: true, events_count: 42 } },
    },
    errors: NO_SESSION,
  })
  async remove(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<AoDeletedResponse> {
    const session = await this.sessions.get(principal, id);
    const count = await this.events.count(session);
    await this.sessions.remove(principal, session);
    return { ok: true, session_id: sessionIdOf(session), deleted: { session: true, events_count: count } };
  }
}
