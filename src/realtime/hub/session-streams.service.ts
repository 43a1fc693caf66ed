import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../../auth/principal.types.js';
import { DomainError } from '../../core/errors/domain.error.js';
import { problemOf } from '../../core/errors/problem.js';
import { newId } from '../../core/ids.js';
import { BEGINNING, type Cursor, formatCursor } from '../../events/cursor.js';
import { EventLog } from '../../events/event-log.service.js';
import { OpenBlocks } from '../../events/open-blocks.service.js';
import { SessionResponse } from '../../sessions/dto/session.response.js';
import { isEnded } from '../../sessions/session.state.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { outFrame, session as sessionSchema } from '../frames.types.js';
import { errorFrame } from '../error-frame.js';
import { Hub } from './hub.service.js';
import type { Outlet } from './outlet.js';
import { SessionReader } from './session-reader.js';
import { SessionSight } from './sight.js';

export interface StreamOptions {
  readonly after?: Cursor;
  readonly deltas?: boolean;
  readonly types?: readonly string[];
}

export interface StreamEnds {
  /** The stream is over by itself. */
  readonly onEnd: () => void;
  readonly onCaughtUp?: () => void;
}

/** A stream that may begin: nothing was sent yet. Either start or cancel it. */
export interface PreparedStream {
  readonly sessionId: string;
  readonly sight: SessionSight;
  /** Sends the snapshot and goes on from there. */
  start(outlet: Outlet, ends: StreamEnds): SessionReader;
  cancel(): void;
}

/** Opens the stream of one session for somebody who may see it. */
@Injectable()
export class SessionStreams {
  private readonly logger = new Logger(SessionStreams.name);

  constructor(
    private readonly sessions: SessionsService,
    private readonly log: EventLog,
    private readonly blocks: OpenBlocks,
    private readonly hub: Hub,
  ) {}

  /** @throws SessionNotFoundError, ResyncRequiredError */
  prepare(principal: Principal, id: string, options: StreamOptions): Promise<PreparedStream> {
    return this.hub.gate.run(() => this.look(principal, id, options));
  }

  private async look(
    principal: Principal,
    id: string,
    { after = BEGINNING, deltas = true, types }: StreamOptions,
  ): Promise<PreparedStream> {
    let view = await this.sessions.get(principal, id);
    const sessionId = view.session.id;
    // Heard from here on; what came before is in the head that is read behind it.
    const topic = this.hub.acquire(sessionId, view.epoch);
    try {
      const head = await this.log.head(sessionId);
      this.log.assertReadable(head, after);
      topic.note(head.lastSeq);
      if (head.ended && !isEnded(view.session.status)) view = await this.sessions.get(principal, id);
      const { status } = view.session;
      if (head.ended && isEnded(status)) topic.markEnded(head.lastSeq, status);
      return {
        sessionId,
        sight: new SessionSight({ ...view.session, sessionId }, sessionId),
        cancel: () => topic.release(),
        start: (outlet, ends) => {
          const options = {
            after: this.log.startOf(head, after),
            deltas,
            ...(types && types.length > 0 ? { types: new Set(types) } : {}),
            ...ends,
            onFailure: (error: unknown) => this.fail(outlet, ends, { sessionId, error }),
          };
          const reader = new SessionReader(topic, outlet, options);
          topic.release();
          const open = this.blocks.of(sessionId);
          outlet.send(
            outFrame({
              type: 'snapshot',
              sessionId,
              session: sessionSchema.parse(SessionResponse.of(view)),
              cursor: formatCursor(head.epoch, head.lastSeq),
              earliest: formatCursor(head.epoch, head.earliestSeq - 1),
              open: open.map(({ blockId, turn, kind, text }) => ({ blockId, turn, kind, text })),
            }),
          );
          reader.start(open);
          return reader;
        },
      };
    } catch (error) {
      topic.release();
      throw error;
    }
  }

  /** The log can't be read: the reader hears of which, and why, and comes again with its cursor. */
  private fail(outlet: Outlet, ends: StreamEnds, { sessionId, error }: { sessionId: string; error: unknown }): void {
    const isKnown = error instanceof DomainError;
    const requestId = isKnown ? undefined : newId();
    if (!isKnown) this.logger.error({ msg: 'a stream failed', err: error, requestId, sessionId });
    const problem = problemOf(error, requestId);
    outlet.send(errorFrame({ ...problem, context: { ...problem.context, sessionId } }));
    ends.onEnd();
  }
}
