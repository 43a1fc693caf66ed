import { Body, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { PATH_ERROR_CODES } from '../workspaces/path.errors.js';
import { ForkSessionRequest, ResumeSessionRequest } from './dto/lineage.dto.js';
import { SESSION_EXAMPLE } from './dto/session.example.js';
import { SessionResponse } from './dto/session.response.js';
import { SessionMoves } from './session-moves.service.js';
import { forkUse } from './session.types.js';

const NOT_FOUND = ['session_not_found'] as const;
const BRANCH_ERRORS = {
  400: ['unknown_agent', ...PATH_ERROR_CODES],
  404: [...NOT_FOUND, 'workspace_not_found'],
  503: ['path_unusable'],
} as const;
const SUSPENDED = { ...SESSION_EXAMPLE, status: 'suspended' };
const QUEUED = { ...SESSION_EXAMPLE, status: 'queued' };

@MusterController('sessions', 'sessions')
export class SessionResumptionController {
  constructor(private readonly moves: SessionMoves) {}

  @Post(':id/suspend')
  @Route({
    id: 'suspendSession',
    summary: "Free a session's process and keep everything else",
    description:
      'A turn under way is cancelled; inputs that wait run after the resume. 200 once the whole process group is gone, 202 where that takes longer than 10 seconds.',
    permission: 'sessions:control',
    response: { type: SessionResponse, example: SUSPENDED },
    also: { 202: 'The agent is still being ended' },
    errors: { 404: NOT_FOUND, 409: ['illegal_move', 'session_status', 'mode_not_resumable'] },
  })
  async suspend(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const { view, isDone } = await this.moves.suspend(principal, id);
    response.status(isDone ? 200 : 202);
    return SessionResponse.of(view);
  }

  @Post(':id/resume')
  @Route({
    id: 'resumeSession',
    summary: 'Let a session go on',
    description:
      'A suspended or lost session continues as itself (200): natively where its agent can, else a new conversation of the agent is given the earlier one as context. An ended one, or one that is to have another agent, becomes a new session (201) that begins with its messages; `resumedFromId` says whose.',
    permission: 'sessions:control',
    idempotent: 'plain',
    limit: 'launch',
    body: {
      type: ResumeSessionRequest,
      examples: {
        'as it is': {},
        'with the next prompt': { prompt: 'say:where were we?' },
        'by another agent': { agent: 'demo', prompt: 'recall:' },
      },
    },
    response: { type: SessionResponse, example: QUEUED },
    also: { 201: 'A new session was made' },
    errors: { ...BRANCH_ERRORS, 409: ['session_status', 'not_supported', 'mode_not_resumable', 'workspace_busy'] },
  })
  async resume(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() request: ResumeSessionRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const { view, isNew } = await this.moves.resume(principal, id, request);
    response.status(isNew ? 201 : 200).setHeader('Location', `/api/sessions/${view.session.id}`);
    return SessionResponse.of(view);
  }

  @Post(':id/fork')
  @Route({
    id: 'forkSession',
    summary: 'Begin a second session with the first part of this one',
    description:
      'Messages, thoughts and tool calls up to the event `atSeq` are copied; this session goes on undisturbed. Without a prompt it stays `queued` until its first input.',
    permission: 'sessions:create',
    idempotent: 'plain',
    limit: 'launch',
    use: forkUse,
    body: {
      type: ForkSessionRequest,
      examples: { 'to try something else': { atSeq: 7, name: 'The other way', prompt: 'say:let us try it differently' } },
    },
    response: { status: 201, type: SessionResponse, example: { ...QUEUED, forkedFromId: SESSION_EXAMPLE.id, forkedAtSeq: 7 } },
    errors: { ...BRANCH_ERRORS, 409: ['fork_point', 'not_supported', 'workspace_busy'] },
  })
  async fork(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() request: ForkSessionRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionResponse> {
    const view = await this.moves.fork(principal, id, request);
    response.setHeader('Location', `/api/sessions/${view.session.id}`);
    return SessionResponse.of(view);
  }
}
