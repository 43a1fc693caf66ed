import { Body, Delete, Get, Headers, Patch, Post, Query, Res } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { Response } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { etagOf, parseIfMatch } from '../core/http/if-match.js';
import { CreateSessionRequest } from './dto/create-session.dto.js';
import {
  DeleteSessionQuery,
  ListSessionsQuery,
  PatchSessionRequest,
  PatchSessionStateRequest,
  SessionInputRequest,
} from './dto/session-requests.dto.js';
import { InputAcceptedResponse, SessionDeletedResponse, SessionPageResponse, SessionResponse } from './dto/session.response.js';
import { PATH_ERROR_CODES } from '../workspaces/path.errors.js';
import { SessionCreation } from './session-creation.service.js';
import { SessionStates } from './session-states.service.js';
import { SessionRemovals } from './session-removals.service.js';
import { SessionStops } from './session-stops.service.js';
import { creationUse } from './session.types.js';
import { SESSION_EXAMPLE } from './dto/session.example.js';
import { SessionsService } from './sessions.service.js';

const IF_MATCH = {
  name: 'If-Match',
  required: false,
  description: 'The ETag of what you read: refused with 409 `version_conflict` where it changed since.',
};
const NOT_FOUND = { 404: ['session_not_found'] } as const;

@MusterController('sessions', 'sessions')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly creation: SessionCreation,
    private readonly stops: SessionStops,
    private readonly states: SessionStates,
    private readonly removals: SessionRemovals,
  ) {}

  @Post()
  @Route({
    id: 'createSession',
    summary: 'Start an agent, or report one that runs elsewhere',
    description: 'Answers at once with a `queued` session; the agent is started behind it. Follow its events.',
    permission: 'sessions:create',
    idempotent: 'plain',
    limit: 'launch',
    use: creationUse,
    body: {
      type: CreateSessionRequest,
      examples: {
        'demo agent': { workspaceId: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e', agent: 'demo', prompt: 'say:hello', policy: 'allow-all' },
        'in a git worktree of its own': {
          workspaceId: '01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
          agent: 'demo',
          isolation: 'worktree',
          worktree: { branch: 'fix/readme', base: 'main' },
        },
        'reported from elsewhere': { runtime: 'external', externalId: 'build-4711', agentName: 'my-bot' },
      },
    },
    response: { status: 201, type: SessionResponse, example: { ...SESSION_EXAMPLE, status: 'queued' } },
    errors: {
      400: ['unknown_agent', 'unknown_mode', ...PATH_ERROR_CODES, 'branch_invalid', 'unknown_base'],
      404: ['workspace_not_found'],
      409: ['external_id_taken', 'workspace_busy', 'not_a_git_work_tree', 'branch_exists'],
      503: ['path_unusable', 'git_missing', 'git_failed'],
    },
  })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() request: CreateSessionRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const view = await this.creation.create(principal, request);
    response.setHeader('Location', `/api/sessions/${view.session.id}`);
    return SessionResponse.of(view);
  }

  @Get()
  @Route({
    id: 'listSessions',
    summary: 'List sessions, newest first',
    permission: 'sessions:read',
    response: { type: SessionPageResponse, example: { items: [SESSION_EXAMPLE], nextCursor: null } },
  })
  async list(@CurrentPrincipal() principal: Principal, @Query() query: ListSessionsQuery): Promise<SessionPageResponse> {
    const page = await this.sessions.list(principal, query);
    return { ...page, items: page.items.map((view) => SessionResponse.of(view)) };
  }

  @Get(':id')
  @Route({
    id: 'getSession',
    summary: 'One session, by id or as ext:<externalId>',
    permission: 'sessions:read',
    response: { type: SessionResponse, example: SESSION_EXAMPLE },
    errors: NOT_FOUND,
  })
  async get(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const view = await this.sessions.get(principal, id);
    response.setHeader('ETag', etagOf(view.session));
    return SessionResponse.of(view);
  }

  @Patch(':id')
  @ApiHeader(IF_MATCH)
  @Route({
    id: 'patchSession',
    summary: 'Rename a session, or change its metadata',
    permission: 'sessions:write',
    body: { type: PatchSessionRequest, examples: { rename: { name: 'A better name' } } },
    response: { type: SessionResponse, example: SESSION_EXAMPLE },
    errors: { ...NOT_FOUND, 409: ['version_conflict'] },
  })
  async patch(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() request: PatchSessionRequest,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const view = await this.sessions.patch(principal, id, request, parseIfMatch(ifMatch));
    response.setHeader('ETag', etagOf(view.session));
    return SessionResponse.of(view);
  }

  @Patch(':id/state')
  @ApiHeader(IF_MATCH)
  @Route({
    id: 'patchSessionState',
    summary: 'Say how far the work of a session is',
    description: 'For its agent, with the token it was given, and for whoever may steer the session. Tells `session.state-changed`.',
    permission: 'events:append',
    body: {
      type: PatchSessionStateRequest,
      examples: {
        'a phase': { phase: 'execution', step: 2 },
        'all of it': { phase: 'planning', step: 1, state: { plan: ['look', 'change', 'test'] } },
      },
    },
    response: { type: SessionResponse, example: { ...SESSION_EXAMPLE, phase: 'execution', step: 2 } },
    errors: { ...NOT_FOUND, 409: ['version_conflict'] },
  })
  async patchState(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() request: PatchSessionStateRequest,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const view = await this.states.change(principal, id, request, parseIfMatch(ifMatch));
    response.setHeader('ETag', etagOf(view.session));
    return SessionResponse.of(view);
  }

  @Delete(':id')
  @Route({
    id: 'deleteSession',
    summary: 'Delete a session with its events',
    description:
      'A live session is refused unless `force=true`, which ends its agent. Files in the workspace stay. A git worktree of its own is removed where it is clean and merged; otherwise it stays, also with `force`, and the answer says where.',
    permission: 'sessions:write',
    response: { type: SessionDeletedResponse, example: { id: SESSION_EXAMPLE.id, deleted: true } },
    errors: { ...NOT_FOUND, 409: ['session_live'] },
  })
  async remove(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query() { force }: DeleteSessionQuery,
  ): Promise<SessionDeletedResponse> {
    return { deleted: true, ...(await this.removals.remove(principal, id, { force })) };
  }

  @Post(':id/input')
  @Route({
    id: 'sendInput',
    summary: 'Send the next prompt',
    description: 'Durable when answered. While a turn runs it waits for its end, in order; `interrupt: true` cancels that turn first.',
    permission: 'sessions:control',
    idempotent: 'plain',
    body: { type: SessionInputRequest, examples: { text: { content: 'say:hello again' } } },
    response: { status: 202, type: InputAcceptedResponse, example: { inputId: SESSION_EXAMPLE.id, state: 'accepted' } },
    errors: { ...NOT_FOUND, 409: ['session_status', 'not_supported'] },
  })
  async input(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() request: SessionInputRequest,
  ): Promise<InputAcceptedResponse> {
    return InputAcceptedResponse.of(await this.sessions.input(principal, id, request));
  }

  @Post(':id/interrupt')
  @Route({
    id: 'interruptSession',
    summary: 'Cancel the turn under way',
    permission: 'sessions:control',
    response: { status: 202, type: SessionResponse, example: SESSION_EXAMPLE },
    errors: { ...NOT_FOUND, 409: ['session_status', 'not_supported'] },
  })
  async interrupt(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<SessionResponse> {
    return SessionResponse.of(await this.sessions.interrupt(principal, id));
  }

  @Post(':id/stop')
  @Route({
    id: 'stopSession',
    summary: 'End a session and its agent',
    description: '200 once the whole process group is gone, 202 where that takes longer than 10 seconds.',
    permission: 'sessions:control',
    response: { type: SessionResponse, example: { ...SESSION_EXAMPLE, status: 'stopped' } },
    also: { 202: 'The agent is still being ended' },
    errors: { ...NOT_FOUND, 409: ['illegal_move'] },
  })
  async stop(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const { view, isEnded } = await this.stops.stop(principal, id);
    response.status(isEnded ? 200 : 202);
    return SessionResponse.of(view);
  }
}
