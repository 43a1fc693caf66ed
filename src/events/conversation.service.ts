import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { InvalidInputError } from '../core/errors/domain.error.js';
import { parseObject } from '../core/json.js';
import { SessionScope } from '../sessions/session-scope.service.js';
import { isEnded } from '../sessions/session.state.js';
import type { SessionStatus } from '../sessions/session.types.js';
import { ResultNotFoundError, SessionStatusError } from '../sessions/sessions.errors.js';
import { Blobs } from './blobs.service.js';
import {
  contentOf,
  type ConversationItem,
  type ConversationMessage,
  itemOf,
  messageOf,
  textOf,
  ToolCallMerger,
} from './conversation-items.js';
import { BEGINNING, formatCursor, parseCursor } from './cursor.js';
import type { ReadConversationQuery } from './dto/conversation.dto.js';
import { EventLog } from './event-log.service.js';
import type { Head } from './event-log.types.js';
import { type Pace, type Stretch, walk, type Walked } from './log-walk.js';
import { ConversationStore } from './persistence/conversation.store.js';

/** A page of something that is read out of a log, in the order of the log. */
export interface LogPage<T> {
  readonly items: readonly T[];
  readonly cursor: string;
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

/** The last thing an agent said. */
export interface SessionResult {
  readonly sessionId: string;
  readonly status: SessionStatus;
  readonly seq: number;
  readonly messageId: string;
  readonly turn: number | null;
  readonly text: string;
  readonly content: readonly unknown[];
  readonly occurredAt: string;
}

/** Where nearly everything is shown, a page is found at once; behind a long run of what is not shown it may be short. */
const TIMELINE: Pace = { window: 1_000, growth: 1, enough: 1_000, most: 20_000 };
/** Messages have an index of their own: looking far costs what is found. */
const MESSAGES: Pace = { window: 1_000, growth: 4, enough: Infinity, most: Infinity };

/** Conversations as people read them, for those who may see the session. */
@Injectable()
export class Conversations {
  constructor(
    private readonly log: EventLog,
    private readonly store: ConversationStore,
    private readonly scope: SessionScope,
    private readonly blobs: Blobs,
  ) {}

  /**
   * All that is to be shown, each tool call whole and once, where it began.
   * @throws SessionNotFoundError, InvalidInputError, ResyncRequiredError where the cursor can't be read on from
   */
  async timeline(principal: Principal, id: string, query: ReadConversationQuery): Promise<LogPage<ConversationItem>> {
    const { id: sessionId } = await this.scope.find(principal, id);
    const { head, stretch } = await this.stretchOf(sessionId, query);
    const { isBackward } = stretch;
    const walked = await walk(stretch, TIMELINE, async (from, to, limit) => {
      const range = { from, to, isBackward, limit };
      const [rows, begins] = [await this.store.shown(sessionId, range), await this.store.toolBegins(sessionId, range)];
      const all = [...rows.map((row) => ({ seq: row.seq, row })), ...begins.map(({ seq, callKey }) => ({ seq, callKey }))];
      return all.sort((a, b) => (isBackward ? b.seq - a.seq : a.seq - b.seq)).slice(0, limit);
    });
    const calls = new ToolCallMerger();
    const callKeys = walked.items.flatMap((each) => ('callKey' in each ? [each.callKey] : []));
    for await (const rows of this.store.toolEvents(sessionId, callKeys)) rows.forEach((row) => calls.add(row));
    return pageOf(
      head,
      stretch,
      walked,
      walked.items.flatMap((each) => ('row' in each ? itemOf(each.row) : calls.get(each.callKey)) ?? []),
    );
  }

  /** What people and the agent said. @throws as {@link timeline} */
  async messages(principal: Principal, id: string, query: ReadConversationQuery): Promise<LogPage<ConversationMessage>> {
    const { id: sessionId } = await this.scope.find(principal, id);
    const { head, stretch } = await this.stretchOf(sessionId, query);
    const { isBackward } = stretch;
    const walked = await walk(stretch, MESSAGES, (from, to, limit) => this.store.messages(sessionId, { from, to, isBackward, limit }));
    return pageOf(
      head,
      stretch,
      walked,
      walked.items.flatMap((row) => messageOf(row) ?? []),
    );
  }

  /**
   * The last text of the assistant, whole.
   * @throws SessionNotFoundError, SessionStatusError where there may be another one soon, ResultNotFoundError where there is none
   */
  async result(principal: Principal, id: string): Promise<SessionResult> {
    const { id: sessionId, status, lastMessageSeq } = await this.scope.find(principal, id);
    if (!isEnded(status) && status !== 'idle')
      throw new SessionStatusError(`A session that is ${status} has no result yet.`, {
        remedy:
          status === 'suspended' || status === 'lost'
            ? 'Resume it, or read what was said so far: GET /api/sessions/:id/history.'
            : 'Wait until it is idle or has ended: GET /api/sessions/:id/events?wait=30&type=status.',
        context: { status },
      });
    const row = lastMessageSeq === null ? undefined : await this.store.one(sessionId, lastMessageSeq);
    if (!row)
      throw new ResultNotFoundError(
        lastMessageSeq === null ? 'The agent has said nothing.' : 'The last message of the agent is no longer kept.',
        { remedy: 'Look at what there is: GET /api/sessions/:id/full-conversation.', context: { status } },
      );
    const content = contentOf(await this.blobs.whole(principal, sessionId, parseObject(row.payload)));
    const { seq, id: messageId, turn, occurredAt } = row;
    return { sessionId, status, seq, messageId, turn, text: textOf(content), content, occurredAt };
  }

  private async stretchOf(
    sessionId: string,
    { after: afterText, before: beforeText, tail, limit }: ReadConversationQuery,
  ): Promise<{ head: Head; stretch: Stretch }> {
    if (tail && (afterText !== undefined || beforeText !== undefined))
      throw new InvalidInputError('tail: begins at the end, not at a cursor.', {
        issues: [{ path: 'tail', message: 'not together with after or before' }],
      });
    const after = afterText === undefined ? undefined : parseCursor(afterText);
    const before = beforeText === undefined ? undefined : parseCursor(beforeText, 'before');
    const head = await this.log.head(sessionId);
    if (after) this.log.assertReadable(head, after);
    if (before) this.log.assertReadable(head, { ...before, seq: Math.min(before.seq, head.lastSeq) });
    const first = Math.max(head.earliestSeq, this.log.startOf(head, after ?? BEGINNING) + 1);
    const last = before ? Math.min(before.seq - 1, head.lastSeq) : head.lastSeq;
    return { head, stretch: { first, last, limit, isBackward: tail === true || (before !== undefined && after === undefined) } };
  }
}

function pageOf<T>(
  { epoch, earliestSeq, lastSeq }: Head,
  { first, last, isBackward }: Stretch,
  { edge, hasMore }: Walked<unknown>,
  items: readonly T[],
): LogPage<T> {
  const cursor = formatCursor(epoch, Math.max(0, isBackward ? last : edge));
  const isMoreBehind = isBackward ? last < lastSeq : hasMore;
  const isMoreBefore = isBackward ? hasMore : first > earliestSeq;
  return {
    items,
    cursor,
    nextCursor: isMoreBehind ? cursor : null,
    previousCursor: isMoreBefore ? formatCursor(epoch, isBackward ? edge : first) : null,
  };
}
