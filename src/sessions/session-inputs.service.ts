import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import type { Work } from '../core/database/work.js';
import { newId } from '../core/ids.js';
import type { Page } from '../core/paging/page.js';
import { EventLog } from '../events/event-log.service.js';
import type { ContentBlock } from '../events/event-payloads.types.js';
import { textLength } from './dto/content.validator.js';
import type { ListInputsQuery } from './dto/session-requests.dto.js';
import type { InputEntity, SessionEntity } from './persistence/session.entity.js';
import { TurnsRepository } from './persistence/turns.repository.js';
import { subjectOf } from './session-lifecycle.service.js';
import { SessionScope } from './session-scope.service.js';

export interface NewInput {
  readonly content: readonly ContentBlock[];
  /** A mode the agent is to change to before. */
  readonly agentMode: string | null;
  /** It comes with its session: the launch takes it. */
  readonly isFirst?: boolean;
}

/** Prompts on their way to agents: durable once accepted, delivered in order and at most once. */
@Injectable()
export class SessionInputs {
  constructor(
    private readonly turns: TurnsRepository,
    private readonly log: EventLog,
    private readonly scope: SessionScope,
  ) {}

  /** Puts an input behind the others, inside of a unit that holds the lock of the session. */
  async acceptIn(work: Work, by: Principal, session: SessionEntity, { content, agentMode, isFirst }: NewInput): Promise<InputEntity> {
    const { id: sessionId } = session;
    const input = await this.turns.addInput({
      id: newId(),
      sessionId,
      turn: null,
      state: 'accepted',
      content: JSON.stringify(content),
      agentMode,
      by: by.id,
      createdAt: this.scope.nowIso(),
      deliveredAt: null,
    });
    await this.log.appendIn(work, sessionId, [
      { type: 'input', source: 'api', actor: by.id, payload: { inputId: input.id, content: [...content] } },
    ]);
    if (!isFirst)
      work.emit('session.input-accepted', subjectOf(session, by), { sessionId, inputId: input.id, length: textLength(content) });
    return input;
  }

  /** In the order in which they are delivered. @throws SessionNotFoundError, InvalidInputError */
  async list(principal: Principal, id: string, { state, cursor, limit }: ListInputsQuery): Promise<Page<InputEntity>> {
    const { id: sessionId } = await this.scope.find(principal, id);
    return this.turns.inputs(sessionId, { states: state, cursor, limit });
  }
}
