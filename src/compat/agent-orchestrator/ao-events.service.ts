import { Injectable } from '@nestjs/common';
import { Access } from '../../auth/access.service.js';
import type { Principal } from '../../auth/principal.types.js';
import { Blobs } from '../../events/blobs.service.js';
import { EventLog } from '../../events/event-log.service.js';
import type { StoredEvent } from '../../events/event-log.types.js';
import { ExternalSessions, isReportedMove } from '../../sessions/external-sessions.service.js';
import type { SessionEntity } from '../../sessions/persistence/session.entity.js';
import { SessionScope } from '../../sessions/session-scope.service.js';
import { ExternalIdTakenError, NotSupportedError, SessionNotFoundError } from '../../sessions/sessions.errors.js';
import { AO_TYPES, draftOf, loggedEvent, type ToldEvent, toldEvent } from './ao-event.js';
import { type AoStoredEvent } from './ao-event.types.js';
import type { EventBody } from './ao-input.js';
import { AoNoResultError, AoNotFinishedError, AoSessionMismatchError } from './ao.errors.js';
import { sessionIdOf, shownStatus } from './ao-session-row.js';
import { AoSessions } from './ao-sessions.service.js';

/** Rows of the log that are read at once: a few milliseconds of work. */
const PAGE = 500;
/** How many rows behind the first page's worth an event may stand in the log and still be found in its place by time: a list has an end. */
const LATE_ROWS = 10_000;

/** Events as clients of agent-orchestrator send and read them. */
@Injectable()
export class AoEvents {
  constructor(
    private readonly sessions: AoSessions,
    private readonly log: EventLog,
    private readonly external: ExternalSessions,
    private readonly scope: SessionScope,
    private readonly access: Access,
    private readonly blobs: Blobs,
  ) {}

  /** Stored when this resolves. @throws SessionNotFoundError, AoSessionMismatchError, ForbiddenError, SessionEndedError */
  async append(principal: Principal, sessionId: string, event: EventBody): Promise<void> {
    const session = await this.sessions.get(principal, sessionId);
    if (event.session_id !== sessionId) throw new AoSessionMismatchError();
    await this.store(principal, session, event, false);
  }

  /**
   * The way of their hooks: a session that is not there is made, so that nothing is lost of one that began before its hooks.
   * @throws SessionNotFoundError where it is not there and may not be made, ForbiddenError, SessionEndedError
   */
  async receive(principal: Principal, event: EventBody): Promise<void> {
    const session = (await this.sessions.find(principal, event.session_id)) ?? (await this.make(principal, event));
    await this.store(principal, session, event, true);
  }

  /** The first `limit` by their time, oldest first. */
  async read(principal: Principal, session: SessionEntity, limit: number): Promise<AoStoredEvent[]> {
    const told: AoStoredEvent[] = [];
    for (const event of await this.first(session, limit)) {
      const { eventType, timestamp, fields } = (await this.toldOf(principal, event)) ?? {};
      if (eventType === undefined || timestamp === undefined || !fields) continue;
      told.push({ id: event.seq, session_id: sessionIdOf(session), event_type: eventType, timestamp, ...fields });
    }
    return told;
  }

  /** As {@link read}; nothing where there is no such session. */
  async readIfThere(principal: Principal, sessionId: string, limit: number): Promise<AoStoredEvent[]> {
    const session = await this.sessions.find(principal, sessionId);
    return session ? this.read(principal, session, limit) : [];
  }

  /** What the assistant said last, by time. @throws SessionNotFoundError, AoNotFinishedError, AoNoResultError */
  async result(principal: Principal, sessionId: string): Promise<string> {
    const session = await this.sessions.get(principal, sessionId);
    if (shownStatus(session.status) !== 'finished') throw new AoNotFinishedError();
    let last: StoredEvent | undefined;
    for await (const event of this.each(session, ['message'])) {
      if (last && event.occurredAt < last.occurredAt) continue;
      if (toldEvent(loggedEvent(event))?.fields.role === 'assistant') last = event;
    }
    const text = textOf(last && (await this.toldOf(principal, last))?.fields.content);
    if (text === undefined) throw new AoNoResultError();
    return text;
  }

  async count(session: SessionEntity): Promise<number> {
    let count = 0;
    for await (const event of this.each(session)) if (toldEvent(loggedEvent(event))) count += 1;
    return count;
  }

  private async make(principal: Principal, event: EventBody): Promise<SessionEntity> {
    if (!this.access.permissionsOf(principal).includes('sessions:create')) throw new SessionNotFoundError(event.session_id);
    const kept = { createdAt: event.timestamp, ...(event.event_type === 'session_start' ? { isQuiet: true } : {}) };
    try {
      return await this.sessions.create(principal, { session_id: event.session_id, session_name: event.session_name }, kept);
    } catch (error) {
      // Another event of the same session was faster.
      if (error instanceof ExternalIdTakenError) return this.sessions.get(principal, event.session_id);
      throw error;
    }
  }

  private async store(principal: Principal, { id, runtime }: SessionEntity, event: EventBody, isQuiet: boolean): Promise<void> {
    const { status } = await this.scope.findToEdit(principal, id);
    const draft = { ...draftOf(event, { isQuiet }), source: 'api', actor: principal.id } as const;
    if (isReportedMove(draft.type)) {
      if (runtime !== 'external') throw new NotSupportedError('Its agent is ours: Muster itself says when it starts and stops.');
      await this.external.reportMove(principal, id, draft);
      return;
    }
    await this.log.appendOne(id, draft);
    if (runtime === 'external' && status !== 'running' && begins(event)) await this.external.heard(principal, id);
  }

  /**
   * The first by time of those that can be told: their clients' clocks need not agree with the order in which they arrive, as long as
   * they are not further apart than {@link LATE_ROWS}.
   */
  private async first(session: SessionEntity, limit: number): Promise<StoredEvent[]> {
    let kept: StoredEvent[] = [];
    let bound: string | undefined;
    let end = Number.POSITIVE_INFINITY;
    for await (const event of this.each(session)) {
      if (event.seq > end) break;
      if ((bound !== undefined && event.occurredAt >= bound) || !toldEvent(loggedEvent(event))) continue;
      kept.push(event);
      if (kept.length === limit) end = Math.min(end, event.seq + LATE_ROWS);
      if (kept.length < 2 * limit) continue;
      kept = sorted(kept).slice(0, limit);
      bound = kept.at(-1)?.occurredAt;
    }
    return sorted(kept).slice(0, limit);
  }

  /** With everything that was too large for the log. */
  private async toldOf(principal: Principal, event: StoredEvent): Promise<ToldEvent | undefined> {
    const logged = loggedEvent(event);
    return toldEvent({ ...logged, payload: await this.blobs.whole(principal, event.sessionId, logged.payload) });
  }

  /** What is still kept, in the order of the log. */
  private async *each({ id }: SessionEntity, types: readonly string[] = AO_TYPES): AsyncGenerator<StoredEvent> {
    for (let after = (await this.log.head(id)).earliestSeq - 1; ;) {
      const page = await this.log.read(id, { after, limit: PAGE, types });
      yield* page;
      if (page.length < PAGE) return;
      after = page.at(-1)?.seq ?? after;
    }
  }
}

/** Whether something begins with it: what they tell of a turn may come behind its end. */
function begins({ event_type: type, role, content }: EventBody): boolean {
  if (type === 'pre_tool') return true;
  // As the hook of a prompt sends it; a text, or results of tools, are out of a transcript.
  return type === 'message' && role === 'user' && Array.isArray(content) && content.every((block) => block.type === 'text');
}

const sorted = (events: readonly StoredEvent[]): StoredEvent[] =>
  [...events].sort((a, b) => (a.occurredAt === b.occurredAt ? a.seq - b.seq : a.occurredAt < b.occurredAt ? -1 : 1));

/** The text of the first block; of a text, the text itself. */
function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content === '' ? undefined : content;
  const blocks: readonly unknown[] = Array.isArray(content) ? content : [];
  const [first] = blocks;
  return typeof first === 'object' && first !== null && 'text' in first && typeof first.text === 'string' ? first.text : undefined;
}
