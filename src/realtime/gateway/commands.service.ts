import { Injectable } from '@nestjs/common';
import { ApprovalResponse } from '../../approvals/dto/approval.response.js';
import { ApprovalsService } from '../../approvals/approvals.service.js';
import { Access } from '../../auth/access.service.js';
import type { Principal } from '../../auth/principal.types.js';
import { SessionCreation } from '../../sessions/session-creation.service.js';
import { InputAcceptedResponse, SessionResponse } from '../../sessions/dto/session.response.js';
import { SessionMoves } from '../../sessions/session-moves.service.js';
import { SessionsService } from '../../sessions/sessions.service.js';
import { outFrame } from '../frames.types.js';
import { type Command, command, formCommand } from './command.js';
import { CommandRules } from './command-rules.service.js';
import {
  APPEND,
  APPROVAL_DECIDE,
  PING,
  SESSION_CREATE,
  SESSION_INPUT,
  SESSION_INTERRUPT,
  SESSION_RESUME,
  SESSION_STOP,
  SESSION_SUSPEND,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from './command-specs.js';
import { feedTarget, scopeTarget, sessionTarget } from './subscriptions.js';

/** What carries out each frame that clients send, but for `auth`, which is the connection's own. */
@Injectable()
export class Commands {
  private readonly byType: ReadonlyMap<string, Command>;

  constructor(
    private readonly sessions: SessionsService,
    private readonly creation: SessionCreation,
    private readonly moves: SessionMoves,
    private readonly approvals: ApprovalsService,
    private readonly access: Access,
    rules: CommandRules,
  ) {
    const all = [...this.realtime(), ...this.lifecycle()];
    this.byType = new Map(all.map((each) => [each.spec.type, rules.of(each)]));
  }

  get types(): string[] {
    return [...this.byType.keys()];
  }

  find(type: string): Command | undefined {
    return this.byType.get(type);
  }

  /** @throws ForbiddenError */
  assertMay(principal: Principal, { spec }: Command): void {
    this.access.assertMay(principal, spec.permission);
  }

  private realtime(): Command[] {
    return [
      command(PING, async ({ id }) => ({ frame: outFrame({ type: 'pong', ...(id === undefined ? {} : { id }) }) })),
      command(SUBSCRIBE, ({ subscriptions, id }, fields) =>
        'feed' in fields
          ? subscriptions.toFeed(fields, id)
          : 'sessionId' in fields
            ? subscriptions.toSession(fields.sessionId, fields, id)
            : subscriptions.toScope(fields),
      ),
      command(UNSUBSCRIBE, async ({ subscriptions }, fields) =>
        subscriptions.end('subscription' in fields ? fields : { target: targetOf(fields) }),
      ),
      command(APPEND, async ({ appends }, { sessionId, events }) => ({ data: { results: await appends.append(sessionId, events) } })),
    ];
  }

  private lifecycle(): Command[] {
    return [
      formCommand(SESSION_CREATE, async ({ principal }, _fields, form) => ({
        data: { session: SessionResponse.of(await this.creation.create(principal, form)) },
      })),
      formCommand(SESSION_INPUT, async ({ principal }, { sessionId }, form) => ({
        data: { ...InputAcceptedResponse.of(await this.sessions.input(principal, sessionId, form)) },
      })),
      command(SESSION_INTERRUPT, async ({ principal }, { sessionId }) => ({
        data: { session: SessionResponse.of(await this.sessions.interrupt(principal, sessionId)) },
      })),
      command(SESSION_SUSPEND, async ({ principal }, { sessionId }) => {
        const { view, isDone } = await this.moves.suspend(principal, sessionId);
        return { data: { session: SessionResponse.of(view), isDone } };
      }),
      formCommand(SESSION_RESUME, async ({ principal }, { sessionId }, form) => {
        const { view, isNew } = await this.moves.resume(principal, sessionId, form);
        return { data: { session: SessionResponse.of(view) }, status: isNew ? 201 : 200 };
      }),
      command(SESSION_STOP, async ({ principal }, { sessionId }) => {
        const { view, isEnded } = await this.moves.stop(principal, sessionId);
        return { data: { session: SessionResponse.of(view), isEnded } };
      }),
      formCommand(APPROVAL_DECIDE, async ({ principal }, { approvalId }, form) => ({
        data: { approval: ApprovalResponse.of(await this.approvals.decide(principal, approvalId, form)) },
      })),
    ];
  }
}

type Target = { sessionId: string } | { all: true } | { feed: true; workspaceId?: string } | { workspaceId: string };

const targetOf = (fields: Target): string =>
  'sessionId' in fields
    ? sessionTarget(fields.sessionId)
    : 'feed' in fields
      ? feedTarget(fields.workspaceId)
      : scopeTarget('all' in fields ? undefined : fields.workspaceId);
