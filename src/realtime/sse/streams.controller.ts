import { Get, Headers, Query, Res } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { Response } from 'express';
import { MusterController } from '../../auth/muster-controller.decorator.js';
import type { Principal } from '../../auth/principal.types.js';
import { CurrentPrincipal, Id } from '../../auth/request-params.decorator.js';
import { Route } from '../../auth/route.decorator.js';
import { type Cursor, parseCursor } from '../../events/cursor.js';
import { StreamEventsQuery, StreamFeedQuery } from '../dto/streams.dto.js';
import { Streams } from '../hub/streams.service.js';
import { SseStreams } from './sse-streams.service.js';

const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  required: false,
  description: 'The cursor of the last frame a reader got; browsers send it when they connect again. Wins over `after`.',
};

/** Server-sent events: the frames of the WebSocket for readers that only read. */
@MusterController('', 'events')
export class StreamsController {
  constructor(
    private readonly streams: Streams,
    private readonly sse: SseStreams,
  ) {}

  @Get('sessions/:id/events/stream')
  @ApiHeader(LAST_EVENT_ID)
  @Route({
    id: 'streamEvents',
    summary: "Follow a session's events as server-sent events",
    description:
      "The frames of the WebSocket (see /api/asyncapi.json): `snapshot`, `events` …, `caught_up`, then live `events` and `delta`, and `end`. `event:` is the type of the frame, `id:` the cursor. A cursor that can't be read on from is answered with a `resync_required` frame.",
    permission: 'sessions:read',
    stream: 'always',
    response: {
      mediaType: 'text/event-stream',
      example: 'event: caught_up\ndata: {"type":"caught_up","sessionId":"01998c7e-5a7b-7c1e-8f00-5f1c3a4b5d6e","cursor":"5f1c3a4b.17"}\n\n',
    },
    errors: { 404: ['session_not_found'] },
  })
  async events(
    @CurrentPrincipal() principal: Principal,
    @Id() id: string,
    @Query() { after, type, deltas }: StreamEventsQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    const cursor = cursorOf(lastEventId, after);
    await this.sse.serve(response, principal, async (who) => {
      const stream = await this.streams.sessions.prepare(who, id, { after: cursor, deltas, types: type });
      return { sight: stream.sight, begin: (_access, outlet, onEnd) => stream.start(outlet, { onEnd }), cancel: () => stream.cancel() };
    });
  }

  @Get('feed/stream')
  @ApiHeader(LAST_EVENT_ID)
  @Route({
    id: 'streamFeed',
    summary: 'Follow what happens across sessions and workspaces as server-sent events',
    permission: 'sessions:read',
    stream: 'always',
    response: {
      mediaType: 'text/event-stream',
      example: 'event: caught_up\ndata: {"type":"caught_up","feed":true,"cursor":"0a1b2c3d.42"}\n\n',
    },
    errors: { 404: ['workspace_not_found'] },
  })
  async feed(
    @CurrentPrincipal() principal: Principal,
    @Query() { after, workspaceId }: StreamFeedQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    const cursor = cursorOf(lastEventId, after);
    await this.sse.serve(response, principal, (who) => this.streams.feed.prepare(who, { after: cursor, workspaceId }));
  }
}

const cursorOf = (lastEventId: string | undefined, after: string | undefined): Cursor | undefined =>
  lastEventId ? parseCursor(lastEventId, 'Last-Event-ID') : after === undefined ? undefined : parseCursor(after);
