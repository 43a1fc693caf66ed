import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { EventLog } from '../events/event-log.service.js';
import type { EventDraft } from '../events/event-log.types.js';
import { OpenBlocks } from '../events/open-blocks.service.js';
import { ExternalSessions } from '../sessions/external-sessions.service.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { HookSessions } from './hook-sessions.service.js';
import type { HookAct } from './hook.types.js';
import type { HookStory } from './hook-acts.js';
import { HookPermissions } from './hook-permissions.service.js';

const NAME_LENGTH = 80;
const BLOCK = 'hook:';
/** UTF-16 units of a message that is still being said, and how many of them a session may have: they are in memory. */
const MAX_BLOCK = 1024 * 1024;
const MAX_OPEN = 20;

/** Writes what hooks come to into the log of their session, and moves it. */
@Injectable()
export class HookWriter {
  private readonly logger = new Logger(HookWriter.name);

  constructor(
    private readonly log: EventLog,
    private readonly blocks: OpenBlocks,
    private readonly external: ExternalSessions,
    private readonly sessions: HookSessions,
    private readonly permissions: HookPermissions,
  ) {}

  /** In order; stored when this resolves. */
  async carryOut(principal: Principal, session: SessionEntity, acts: readonly HookAct[], story: HookStory): Promise<void> {
    for (const act of acts) await this.do(principal, session, act, story);
  }

  private async do(principal: Principal, session: SessionEntity, act: HookAct, story: HookStory): Promise<void> {
    const { id } = session;
    const move = (type: string, payload: object) =>
      this.external.reportMove(principal, id, { type, source: 'hook', actor: principal.id, payload });
    switch (act.kind) {
      case 'wake':
        return this.external.heard(principal, id);
      case 'start':
        return void (await move('session_start', act.facts));
      case 'turn-start':
        await this.cut(principal, id);
        // Claude Code has no hook for a prompt that its user breaks off: the next one tells.
        if ((await this.external.openTurn(id)) !== null) await move('turn', { state: 'cancelled', stopReason: 'superseded' });
        await move('turn', { state: 'started' });
        return this.name(principal, session, act.prompt);
      case 'turn-end': {
        await this.cut(principal, id);
        if ((await this.external.openTurn(id)) === null) return void (await move('session_stop', {}));
        const { state, stopReason, error } = act;
        return void (await move('turn', { state, stopReason, ...(error === undefined ? {} : { error }) }));
      }
      case 'event':
        return this.append(principal, id, { type: act.type, payload: act.payload, id: act.id });
      case 'piece':
        return this.piece(principal, id, act, story);
      case 'settled':
        return this.permissions.giveUp(id, act.toolCallId);
      case 'leave':
        await this.cut(principal, id);
        return this.external.leave(principal, id, act.reason);
    }
  }

  /** Live at once; whole, it is one message. One that grows too long is cut, and its rest is the message alone. */
  private async piece(
    principal: Principal,
    sessionId: string,
    { messageId, text, isLast }: HookAct & { kind: 'piece' },
    story: HookStory,
  ): Promise<void> {
    const blockId = BLOCK + messageId;
    const turn = await this.external.openTurn(sessionId);
    this.blocks.write({ sessionId, blockId, turn, kind: 'message', text });
    const open = this.openBlocks(sessionId);
    const whole = open.find((block) => block.blockId === blockId)?.text ?? text;
    if (isLast) story.saidLast(whole);
    if (isLast) await this.append(principal, sessionId, messageOf(blockId, whole));
    else if (whole.length > MAX_BLOCK || open.length > MAX_OPEN) await this.cut(principal, sessionId);
  }

  /** What was being said when the turn ended, or too much came of it. */
  private async cut(principal: Principal, sessionId: string): Promise<void> {
    for (const { blockId, text } of this.openBlocks(sessionId))
      await this.append(principal, sessionId, messageOf(blockId, text, { truncated: true }));
  }

  private openBlocks(sessionId: string) {
    return this.blocks.of(sessionId).filter(({ blockId }) => blockId.startsWith(BLOCK));
  }

  /** The first prompt says best what it is about. */
  private async name(principal: Principal, session: SessionEntity, prompt: string): Promise<void> {
    const [line = ''] = prompt.trim().split('\n', 1);
    if (line === '' || !this.sessions.hasGivenName(session)) return;
    await this.external.describe(principal, session.id, { name: line.replaceAll('\u0000', ' ').slice(0, NAME_LENGTH).toWellFormed() });
  }

  private async append(principal: Principal, sessionId: string, draft: Pick<EventDraft, 'id' | 'type' | 'payload'>): Promise<void> {
    const turn = await this.external.openTurn(sessionId);
    const [result] = await this.log.append(sessionId, [{ ...draft, turn, source: 'hook', actor: principal.id }]);
    if (result?.ok === false) this.logger.debug({ msg: 'an event of a hook was refused', sessionId, type: draft.type, err: result.error });
  }
}

const messageOf = (blockId: string, text: string, more: object = {}) => ({
  id: blockId,
  type: 'message',
  payload: { role: 'assistant', content: [{ type: 'text', text }], blockId, ...more },
});
