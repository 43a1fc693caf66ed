import { Body, Get, Header, Param, Post, Query, Req } from '@nestjs/common';
import type { Request } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { ServerAddress } from '../core/http/server-address.js';
import { claudeSettings } from './claude-settings.js';
import { HookPayload, HookQuery, HookSettingsQuery } from './dto/hooks.dto.js';
import { HookAnswerResponse, HookSettingsResponse } from './dto/hooks.response.js';
import { FORWARDER_PATH, forwarder } from './forwarder.js';
import { Hooks } from './hooks.service.js';

@MusterController('hooks', 'hooks')
export class HooksController {
  constructor(
    private readonly hooks: Hooks,
    private readonly address: ServerAddress,
  ) {}

  @Get('claude-code/settings')
  @Route({
    id: 'getClaudeCodeSettings',
    summary: 'A settings file by which Claude Code tells of itself',
    description:
      'For `claude --settings FILE`, or to be merged into `~/.claude/settings.json`. It holds no credential: Claude Code takes `MUSTER_TOKEN` from its environment.',
    permission: 'self:read',
    response: {
      type: HookSettingsResponse,
      example: { hooks: { Stop: [{ hooks: [{ type: 'http', url: 'http://127.0.0.1:4600/api/hooks/claude-code' }] }] } },
    },
  })
  settings(
    @Query() { permissions = 'request', wait, workspaceId, forwarder: path = FORWARDER_PATH }: HookSettingsQuery,
  ): HookSettingsResponse {
    return claudeSettings({
      url: this.address.publicUrl,
      permissions,
      waitS: wait,
      forwarder: path,
      ...(workspaceId === undefined ? {} : { workspaceId }),
    });
  }

  @Get('forwarder')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Route({
    id: 'getHookForwarder',
    summary: 'A program of one file that hands hooks on, for agents that only call commands',
    permission: 'self:read',
    response: { mediaType: 'text/javascript', example: '#!/usr/bin/env node\n' },
  })
  program(): string {
    return forwarder(this.address.publicUrl);
  }

  @Post(':agent')
  @Route({
    id: 'takeHook',
    summary: 'Take a native hook of an agent that somebody started himself',
    description:
      'Of `claude-code`, `codex` (hooks, and what `notify` calls), `gemini`, or of any other agent in the form of Claude Code. The conversation becomes an external session, with messages, tool calls and turns, live; `X-Muster-Session`, or the key of an agent, names a session that was launched. What is not understood is kept as an opaque event, or answered empty. With `wait` a hook that asks becomes an approval, and is held until it is decided.',
    permission: 'events:append',
    limit: 'append',
    stream: 'waiting',
    body: {
      type: HookPayload,
      examples: {
        'a prompt': {
          session_id: '075482c6-651d-44a3-9456-7c08b9d17ce4',
          hook_event_name: 'UserPromptSubmit',
          cwd: '/home/me/project',
          prompt: 'Fix the parser',
        },
      },
    },
    response: { type: HookAnswerResponse, example: {} },
    errors: { 404: ['not_found'] },
  })
  take(
    @CurrentPrincipal() principal: Principal,
    @Param('agent') agent: string,
    @Query() { wait, workspaceId }: HookQuery,
    @Body() payload: unknown,
    @Req() request: Request,
  ): Promise<HookAnswerResponse> {
    const sessionId = request.header('x-muster-session') || undefined;
    return this.hooks.take(principal, agent, payload, {
      waitMs: wait * 1_000,
      gone: goneSignal(request),
      ...(workspaceId === undefined ? {} : { workspaceId }),
      ...(sessionId === undefined ? {} : { sessionId }),
    });
  }
}

/** Aborts when the caller has hung up. */
function goneSignal(request: Request): AbortSignal {
  const controller = new AbortController();
  request.res?.once('close', () => controller.abort());
  return controller.signal;
}
