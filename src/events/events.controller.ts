import { Body, Get, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { MusterController } from '../auth/muster-controller.decorator.js';
import type { Principal } from '../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../auth/request-params.decorator.js';
import { Route } from '../auth/route.decorator.js';
import { AppendEventsRequest, ReadEventsQuery, ReadFeedQuery } from './dto/events.dto.js';
import { AppendEventsResponse, EventPageResponse, FeedPageResponse } from './dto/events.response.js';
import { appendUse } from './event-log.types.js';
import { EventReads } from './event-reads.service.js';
import { EventsService } from './events.service.js';
import { Feed } from './feed.service.js';
import { wireEvent } from './wire-event.js';

const EVENT_EXAMPLE = {
  seq: 17,
  id: '0b9d9f4e-5a0f-4b1c-9d1e-3a1f0c9e8d7b',
  type: 'message',
  turn: 1,
  source: 'acp',
  actor: 'agent:01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e',
  occurredAt: '2026-11-20T14:00:05.000Z',
  recordedAt: '2026-11-20T14:00:05.003Z',
  payload: { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] },
};

@MusterController('', 'events')
export class EventsController {
  constructor(
    private readonly events: EventsService,
    private readonly reads: EventReads,
    private readonly feed: Feed,
  ) {}

  @Post('sessions/:id/events')
  @Route({
    id: 'appendEvents',
    summary: 'Append one event, or up to 1,000 as {events: […]}',
    description:
      'Answered when it is committed and on disk. The same `id` with the same content again gives the first number and `duplicate: true`. A batch commits in order, with a result an item.',
    permission: 'events:append',
    limit: 'append',
    use: appendUse,
    body: {
      type: AppendEventsRequest,
      examples: {
        one: { type: 'message', payload: { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] } },
        several: {
          events: [
            { type: 'log', payload: { level: 'info', text: 'started' } },
            { type: 'my_own_type', payload: { any: 'thing' } },
          ],
        },
      },
    },
    response: { status: 201, type: AppendEventsResponse, example: { id: EVENT_EXAMPLE.id, seq: 17, duplicate: false } },
    also: { 200: 'A batch: a result an item, in order' },
    errors: {
      400: ['invalid_event'],
      404: ['session_not_found'],
      409: ['event_conflict', 'session_ended', 'illegal_move'],
      503: ['log_overloaded'],
    },
  })
  async append(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<AppendEventsResponse> {
    const batch = batchOf(body);
    if (!batch) return this.events.appendOne(principal, id, body);
    response.status(200);
    return { results: await this.events.append(principal, id, batch) };
  }

  @Get('sessions/:id/events')
  @Route({
    id: 'readEvents',
    summary: "Read a session's events, forward, backward or waiting for new ones",
    permission: 'sessions:read',
    stream: 'waiting',
    response: {
      type: EventPageResponse,
      example: { items: [EVENT_EXAMPLE], cursor: '5f1c3a4b.17', nextCursor: null, previousCursor: '5f1c3a4b.17' },
    },
    errors: { 404: ['session_not_found'], 409: ['resync_required'] },
  })
  async read(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query() query: ReadEventsQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { events, ...rest } = await this.reads.read(principal, id, query, goneSignal(request));
    response.type('application/json').send(`{"items":[${events.map(wireEvent).join(',')}],${JSON.stringify(rest).slice(1)}`);
  }

  @Get('feed')
  @Route({
    id: 'readFeed',
    summary: 'Read what happened across sessions and workspaces',
    permission: 'sessions:read',
    stream: 'waiting',
    response: {
      type: FeedPageResponse,
      example: {
        items: [
          {
            position: 42,
            name: 'session.deleted',
            workspaceId: null,
            sessionId: 's',
            ownerId: 'admin',
            actor: 'admin',
            occurredAt: '2026-11-20T14:00:00.000Z',
            requestId: '01998c80-1c2d-7e3f-8a4b-5c6d7e8f9a0b',
            data: { sessionId: 's', name: 'Fix the parser', status: 'completed' },
          },
        ],
        cursor: '0a1b2c3d.42',
        nextCursor: null,
      },
    },
    errors: { 409: ['resync_required'] },
  })
  async readFeed(
    @CurrentPrincipal() principal: Principal,
    @Query() query: ReadFeedQuery,
    @Req() request: Request,
  ): Promise<FeedPageResponse> {
    const page = await this.feed.read(principal, query, goneSignal(request));
    return { ...page, items: page.items.map((event) => ({ ...event, data: { ...event.data } })) };
  }
}

/** Aborts when the caller has hung up. */
function goneSignal(request: Request): AbortSignal {
  const controller = new AbortController();
  request.res?.once('close', () => controller.abort());
  return controller.signal;
}

function batchOf(body: unknown): unknown[] | undefined {
  return typeof body === 'object' && body !== null && 'events' in body && Array.isArray(body.events) && Object.keys(body).length === 1
    ? body.events
    : undefined;
}
