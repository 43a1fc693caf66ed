import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { EventLog } from '../events/event-log.service.js';
import { parseObject } from '../core/json.js';
import { parseContent } from './dto/content.validator.js';
import type { ForkSessionRequest } from './dto/lineage.dto.js';
import { SessionBranching } from './session-branching.service.js';
import { SessionScope } from './session-scope.service.js';
import { ForkPointError } from './sessions.errors.js';

/** Lets a second session branch off a first one, which goes on undisturbed. */
@Injectable()
export class SessionForks {
  constructor(
    private readonly branching: SessionBranching,
    private readonly log: EventLog,
    private readonly scope: SessionScope,
  ) {}

  /** Gives the id of the new session. @throws SessionNotFoundError, ForkPointError, NotSupportedError, WorkspaceBusyError, UnknownAgentError */
  async fork(principal: Principal, id: string, { atSeq, agent, name, prompt }: ForkSessionRequest): Promise<string> {
    const session = await this.scope.findToEdit(principal, id);
    const content = prompt === undefined ? undefined : parseContent(prompt);
    const nowIso = this.scope.nowIso();
    return this.branching.branch(principal, session, {
      ...{ agent, content, nowIso, launch: content !== undefined },
      through: async (source) => {
        await this.assertForkable(source.id, atSeq);
        return atSeq;
      },
      fields: { forkedFromId: session.id, forkedAtSeq: atSeq, ...(name === undefined ? {} : { name }) },
    });
  }

  /** A branch begins behind an event that there is, is kept, and is of no turn that is under way. */
  private async assertForkable(sessionId: string, atSeq: number): Promise<void> {
    const { lastSeq, earliestSeq } = await this.log.head(sessionId);
    const [turn] = await this.log.read(sessionId, { before: lastSeq + 1, limit: 1, types: ['turn'] });
    const isOpen = turn?.payload != null && parseObject(turn.payload)['state'] === 'started';
    const last = isOpen ? turn.seq - 1 : lastSeq;
    if (atSeq >= earliestSeq && atSeq <= last) return;
    const what =
      atSeq < earliestSeq
        ? `The event ${atSeq} is no longer kept.`
        : atSeq > lastSeq
          ? `There is no event ${atSeq}: the last one is ${lastSeq}.`
          : `The event ${atSeq} belongs to a turn that is under way.`;
    const isPossible = last >= earliestSeq;
    throw new ForkPointError(what, {
      remedy: isPossible
        ? `Fork at an event from ${earliestSeq} to ${last}${isOpen ? ', or wait for the end of the turn' : ''}.`
        : 'Wait for the end of the turn: nothing before it is kept.',
      context: { atSeq, earliest: isPossible ? earliestSeq : null, last: isPossible ? last : null },
    });
  }
}
