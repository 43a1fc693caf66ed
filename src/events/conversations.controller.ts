import { Get, Query } from '@nestjs/common';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { Conversations, type LogPage, type SessionResult } from './conversation.service.js';
import type { ConversationItem, ConversationMessage } from './conversation-items.js';
import { ReadConversationQuery } from './dto/conversation.dto.js';
import { ConversationMessagePageResponse, ConversationPageResponse, SessionResultResponse } from './dto/conversation.response.js';

const NOT_FOUND = { 404: ['session_not_found'], 409: ['resync_required'] } as const;
const ID = '0b9d9f4e-5a0f-4b1c-9d1e-3a1f0c9e8d7b';
const SAID = { seq: 17, id: ID, turn: 1, occurredAt: '2026-11-20T14:00:05.000Z' };
const CONTENT = [{ type: 'text', text: 'Hello' }];
const CURSORS = { cursor: '5f1c3a4b.17', nextCursor: null, previousCursor: null };
const PAGED =
  'Pages go both ways: `nextCursor` as `after`, `previousCursor` as `before`. A page may have fewer items than `limit` although more follow.';

@MusterController('sessions', 'sessions')
export class ConversationsController {
  constructor(private readonly conversations: Conversations) {}

  @Get(':id/full-conversation')
  @Route({
    id: 'readConversation',
    summary: 'A whole conversation: messages, thoughts, tool calls, logs, approvals, file changes and status, in one order',
    description: `Each tool call is there once, where it began, with all that was heard of it since. ${PAGED}`,
    permission: 'sessions:read',
    response: {
      type: ConversationPageResponse,
      example: {
        items: [{ ...SAID, type: 'message', source: 'acp', actor: 'agent:s', payload: { role: 'assistant', content: CONTENT } }],
        ...CURSORS,
      },
    },
    errors: NOT_FOUND,
  })
  conversation(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query() query: ReadConversationQuery,
  ): Promise<LogPage<ConversationItem>> {
    return this.conversations.timeline(principal, id, query);
  }

  @Get(':id/history')
  @Route({
    id: 'readMessages',
    summary: 'What was said: prompts and messages only',
    description: PAGED,
    permission: 'sessions:read',
    response: {
      type: ConversationMessagePageResponse,
      example: { items: [{ ...SAID, role: 'assistant', text: 'Hello', content: CONTENT, isTruncated: false }], ...CURSORS },
    },
    errors: NOT_FOUND,
  })
  history(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query() query: ReadConversationQuery,
  ): Promise<LogPage<ConversationMessage>> {
    return this.conversations.messages(principal, id, query);
  }

  @Get(':id/result')
  @Route({
    id: 'getSessionResult',
    summary: 'The last text of the agent, once its session is idle or has ended',
    permission: 'sessions:read',
    response: {
      type: SessionResultResponse,
      example: {
        sessionId: ID,
        status: 'idle',
        seq: 17,
        messageId: ID,
        turn: 1,
        text: 'Hello',
        content: CONTENT,
        occurredAt: SAID.occurredAt,
      },
    },
    errors: { 404: ['session_not_found', 'result_not_found'], 409: ['session_status'] },
  })
  result(@CurrentPrincipal() principal: Principal, @Id() id: string): Promise<SessionResult> {
    return this.conversations.result(principal, id);
  }
}
