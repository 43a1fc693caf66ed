import { Get, Query } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { SESSION_EXAMPLE } from './dto/session.example.js';
import { SessionPageResponse, SessionResponse } from './dto/session.response.js';
import { SessionHistoryItemResponse, SessionHistoryPageResponse, SessionStatusResponse } from './dto/session-history.response.js';
import { HistoryQuery, ListWorkspaceSessionsQuery } from './dto/session-requests.dto.js';
import { SessionHistory } from './session-history.service.js';
import { SessionsService } from './sessions.service.js';

const { id, workspaceId, name, agent, ownerId, createdAt, startedAt, updatedAt, version, cursor } = SESSION_EXAMPLE;

@MusterController('', 'sessions')
export class SessionReadsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly history: SessionHistory,
  ) {}

  @Get('sessions/:id/status')
  @Route({
    id: 'getSessionStatus',
    summary: 'Where a session stands',
    permission: 'sessions:read',
    response: { type: SessionStatusResponse, example: { id, status: 'idle', startedAt, updatedAt, version, cursor } },
    errors: { 404: ['session_not_found'] },
  })
  async status(@CurrentPrincipal() principal: Principal, @Id() sessionId: string): Promise<SessionStatusResponse> {
    return SessionStatusResponse.of(await this.sessions.get(principal, sessionId));
  }

  @Get('workspaces/:id/sessions')
  @Route({
    id: 'listWorkspaceSessions',
    summary: 'List the sessions of a workspace, newest first',
    permission: 'sessions:read',
    response: { type: SessionPageResponse, example: { items: [SESSION_EXAMPLE], nextCursor: null } },
    errors: { 404: ['workspace_not_found'] },
  })
  async list(
    @CurrentPrincipal() principal: Principal,
    @Id() workspace: string,
    @Query() query: ListWorkspaceSessionsQuery,
  ): Promise<SessionPageResponse> {
    const page = await this.history.sessionsOf(principal, workspace, query);
    return { ...page, items: page.items.map((view) => SessionResponse.of(view)) };
  }

  @Get('workspaces/:id/sessions/history')
  @Route({
    id: 'listEndedSessions',
    summary: 'List the sessions of a workspace that are over, the last one first',
    permission: 'sessions:read',
    response: {
      type: SessionHistoryPageResponse,
      example: {
        items: [
          {
            ...{ id, workspaceId, name, agent, ownerId, createdAt, startedAt, status: 'completed' },
            ...{ endedAt: updatedAt, messageCount: 2, durationMs: 4880, lastMessagePreview: 'Done.' },
          },
        ],
        nextCursor: null,
      },
    },
    errors: { 404: ['workspace_not_found'] },
  })
  async ended(
    @CurrentPrincipal() principal: Principal,
    @Id() workspace: string,
    @Query() query: HistoryQuery,
  ): Promise<SessionHistoryPageResponse> {
    const page = await this.history.of(principal, workspace, query);
    return { ...page, items: page.items.map((session) => SessionHistoryItemResponse.of(session)) };
  }
}
