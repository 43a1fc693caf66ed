import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Principal } from '../auth/principal.types.js';
import { DomainError, EdgeError, UnavailableError } from '../core/errors/domain.error.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { HookStory } from './hook-acts.js';
import { hookOf } from './hook-payload.js';
import { HookPermissions } from './hook-permissions.service.js';
import { type HookPlace, HookSessions } from './hook-sessions.service.js';
import { HookWriter } from './hook-writer.service.js';
import type { Hook, HookQuestion } from './hook.types.js';

/** An agent waits for its hook: what takes longer goes on behind the answer. */
const ANSWER_WITHIN_MS = 40;
/** Hooks of one conversation that may wait to be written. */
const MAX_WAITING = 500;
/** Conversations of which something is remembered. */
const MAX_STORIES = 2_000;
const AGENT = /^[a-z0-9][a-z0-9-]{0,47}$/;
const EMPTY: Record<string, unknown> = {};

/** Events that may ask. */
const ASKING = ['PermissionRequest', 'PreToolUse'];
/** What Muster itself hears of an agent that it drives: its hooks would tell it twice. */
const TOLD_BY_RUNTIME = [
  'SessionStart',
  'SessionEnd',
  'UserPromptSubmit',
  'PreToolUse',
  'PostToolUse',
  'PostToolUseFailure',
  'PermissionRequest',
  'MessageDisplay',
  'Notification',
  'Stop',
  'StopFailure',
  'TurnComplete',
];

export interface HookRequest extends HookPlace {
  /** How long it may be held for an answer; 0: nobody is asked. */
  readonly waitMs: number;
  /** Aborts when the agent hangs up. */
  readonly gone: AbortSignal;
}

interface Written {
  readonly session: SessionEntity;
  readonly question: HookQuestion | null;
}

interface Conversation {
  readonly story: HookStory;
  last: Promise<unknown>;
  waiting: number;
}

/** Takes native hooks of agents. Nothing they send makes it fail, and none of them waits longer than it must. */
@Injectable()
export class Hooks {
  private readonly logger = new Logger(Hooks.name);
  private readonly conversations = new Map<string, Conversation>();

  constructor(
    private readonly sessions: HookSessions,
    private readonly writer: HookWriter,
    private readonly permissions: HookPermissions,
  ) {}

  /** What the agent is to be answered; empty: it goes on as if nobody had heard. @throws ForbiddenError, UnavailableError, EdgeError */
  async take(principal: Principal, agent: string, payload: unknown, request: HookRequest): Promise<Record<string, unknown>> {
    if (!AGENT.test(agent)) throw new EdgeError('not_found', 404, 'There is no such agent: a name has lower-case letters, digits and -.');
    const hook = hookOf(agent, payload);
    if (!hook) return EMPTY;
    const conversation = this.conversationOf(`${principal.id} ${agent} ${hook.nativeId}`);
    const written = this.inTurn(conversation, () => this.write(principal, agent, hook, request, conversation.story));
    if (request.waitMs === 0 || !ASKING.includes(hook.event)) {
      const failure = written.then(
        () => undefined,
        (error: unknown) => error,
      );
      return this.answered(await Promise.race([failure, sleep(ANSWER_WITHIN_MS, undefined, { ref: false })]), hook);
    }
    try {
      const { session, question } = await written;
      if (session.runtime !== 'external' || !question) return EMPTY;
      const answer = await this.permissions.ask(principal, session.id, question, request);
      // Codex takes only a no here.
      return agent === 'codex' && hook.event === 'PreToolUse' && !isRefusal(answer) ? EMPTY : answer;
    } catch (error) {
      return this.answered(error, hook);
    }
  }

  private answered(error: unknown, { event, nativeId }: Hook): Record<string, unknown> {
    if (error === undefined) return EMPTY;
    if (error instanceof DomainError && error.kind === 'forbidden') throw error;
    this.logger.debug({ msg: 'a hook could not be written', event, nativeId, err: error });
    return EMPTY;
  }

  private async write(principal: Principal, agent: string, hook: Hook, request: HookRequest, story: HookStory): Promise<Written> {
    const session = await this.sessions.of(principal, agent, hook, request);
    const isOurs = session.runtime !== 'external';
    if (isOurs && TOLD_BY_RUNTIME.includes(hook.event)) return { session, question: null };
    await this.writer.carryOut(principal, session, story.actsOf(agent, hook), story);
    return { session, question: story.questionOf(agent, hook) };
  }

  /** One after the other, as they came. @throws UnavailableError where too many wait */
  private inTurn<T>(conversation: Conversation, work: () => Promise<T>): Promise<T> {
    if (conversation.waiting >= MAX_WAITING) throw new UnavailableError('Hooks of this conversation come faster than they can be written.');
    conversation.waiting += 1;
    const done = conversation.last.then(work).finally(() => (conversation.waiting -= 1));
    conversation.last = done.catch(() => undefined);
    return done;
  }

  private conversationOf(key: string): Conversation {
    const conversation = this.conversations.get(key) ?? { story: new HookStory(), last: Promise.resolve(), waiting: 0 };
    this.conversations.delete(key);
    this.conversations.set(key, conversation);
    for (const [oldest, { waiting }] of this.conversations) {
      if (this.conversations.size <= MAX_STORIES) break;
      if (waiting === 0) this.conversations.delete(oldest);
    }
    return conversation;
  }
}

const isRefusal = (answer: Record<string, unknown>): boolean => JSON.stringify(answer).includes('"permissionDecision":"deny"');
