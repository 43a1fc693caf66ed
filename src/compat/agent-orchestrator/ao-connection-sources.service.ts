import { Injectable } from '@nestjs/common';
import type { Principal } from '../../auth/principal.types.js';
import { Outbox } from '../../core/database/outbox.js';
import { BEGINNING, type Cursor } from '../../events/cursor.js';
import type { JsonObject } from '../../core/json.js';
import { Blobs } from '../../events/blobs.service.js';
import { EventLog } from '../../events/event-log.service.js';
import { Hub } from '../../realtime/hub/hub.service.js';
import { Streams } from '../../realtime/hub/streams.service.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import type { AoSources, PlacedSession } from './ao-connection.js';
import { factsOf, newestFirst } from './ao-session-row.js';

const PAGE = 200;

/** Where the connections of agent-orchestrator's clients get what they tell. */
@Injectable()
export class AoConnectionSources implements AoSources {
  private connections = 0;
  private unsubscribe: (() => void) | undefined;

  constructor(
    readonly streams: Streams,
    private readonly outbox: Outbox,
    private readonly all: SessionsService,
    private readonly blobs: Blobs,
    private readonly hub: Hub,
    private readonly log: EventLog,
  ) {}

  readonly feedHead = async (): Promise<Cursor> => {
    const { epoch, position } = await this.outbox.head();
    return { epoch, seq: position };
  };

  readonly sessions = async (principal: Principal): Promise<PlacedSession[]> => {
    const found: PlacedSession[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await this.all.list(principal, { sort: '-createdAt', limit: PAGE, cursor });
      found.push(...page.items.map(({ session, epoch, lastSeq }) => ({ facts: factsOf(session), after: { epoch, seq: lastSeq } })));
      if (page.nextCursor === null) return newestFirst(found);
      cursor = page.nextCursor;
    }
  };

  readonly session = async (principal: Principal, id: string): Promise<PlacedSession> => {
    const { session } = await this.all.get(principal, id);
    return { facts: factsOf(session), after: BEGINNING };
  };

  /** The hub gathers the events of each session; whoever sees them all would see those of one late. */
  readonly keepOrder = (): (() => void) => {
    this.connections += 1;
    this.unsubscribe ??= this.log.onCommitted(({ sessionId }) => this.hub.flush(sessionId));
    return () => {
      this.connections -= 1;
      if (this.connections > 0) return;
      this.unsubscribe?.();
      this.unsubscribe = undefined;
    };
  };
  readonly bytesBeside = (payload: JsonObject): number => this.blobs.bytesBeside(payload);
  readonly whole = (principal: Principal, id: string, payload: JsonObject): Promise<JsonObject> => this.blobs.whole(principal, id, payload);
}
