import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../core/deferred.js';
import { DomainError, isUnavailable } from '../core/errors/domain.error.js';
import { DatabaseUnavailableError } from '../core/errors/storage.errors.js';
import { requestContext } from '../core/http/request-context.js';
import { LogNotFoundError } from '../events/events.errors.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import type { BegunTurn, MoveOptions, SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { SessionNotFoundError } from '../sessions/sessions.errors.js';
import type { AgentStarter } from './agent-starter.service.js';
import { AgentGoneError } from './host/agent-host.types.js';
import { lastLines, reasonOf } from './launcher.errors.js';
import type { ProcessExit, RunningAgent, TurnOutcome } from './runtime.types.js';

/** Why somebody ends a session's agent. */
export type EndRequest = { readonly kind: 'stop' | 'shutdown'; readonly reason: string } | { readonly kind: 'deleted' };

const RETRY_PAUSES_MS = [100, 500, 2_000, 5_000, 10_000] as const;

/** The turn under way. */
interface Turn {
  /** Position of its begin in the feed: an interrupt that was asked for before is not meant for it. */
  readonly position: number;
  isPrompted: boolean;
  isInterrupted: boolean;
}

/** How the work for a session came to its end. */
type Conclusion = { readonly to: 'completed' | 'failed' | 'stopped' | 'lost'; readonly options: MoveOptions } | null;

/**
 * Works for one session, from its launch to its end, one thing after the other: starts the agent, hands it one input after the other,
 * and writes what became of it. Requests from outside ({@link ring}, {@link interrupt}, {@link end}) only leave a note and return.
 */
export class SessionDriver {
  private readonly logger = new Logger(SessionDriver.name);
  private readonly ending = new AbortController();
  private request: EndRequest | null = null;
  private agent: RunningAgent | null = null;
  private exit: ProcessExit | null = null;
  private turn: Turn | null = null;
  private bell = deferred();
  private delivery: Promise<void> = Promise.resolve();

  constructor(
    private readonly sessionId: string,
    private readonly lifecycle: SessionLifecycle,
    private readonly starter: AgentStarter,
  ) {}

  /** There may be an input. */
  ring(): void {
    const { bell } = this;
    this.bell = deferred();
    bell.resolve();
  }

  /** The session has become `running`, with the event of this position. */
  turnBegan(position: number): void {
    this.turn = { position, isPrompted: false, isInterrupted: false };
  }

  /** Ends the turn under way, if it began before `position`. */
  interrupt(position: number): void {
    if (!this.turn || this.turn.position > position) return;
    this.turn.isInterrupted = true;
    if (this.turn.isPrompted) this.interruptAgent();
  }

  /** Ends the agent. The first request decides how; a deletion overrules. */
  end(request: EndRequest): void {
    if (!this.request || request.kind === 'deleted') this.request = request;
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    this.stopAgent();
    this.ring();
  }

  /** Does all of it; resolves when the session has ended or is left to itself, with no process behind. Never rejects. */
  async run(): Promise<void> {
    try {
      const session = await this.begin();
      // The launch is still the doing of the request that asked for it; what the agent does from then on is not.
      if (session) await requestContext.exit(() => this.work(session));
    } catch (error) {
      if (!isDeleted(error)) this.logger.error({ msg: 'a session could not be driven to its end', sessionId: this.sessionId, err: error });
      await this.agent
        ?.stop()
        .catch((cause: unknown) => this.logger.error({ msg: 'an agent could not be stopped', sessionId: this.sessionId, err: cause }));
    }
  }

  /** A queued session is claimed; one of a command that idles between turns is taken up again. Null: nothing is to be done. */
  private async begin(): Promise<SessionEntity | null> {
    if (this.request?.kind === 'shutdown') return null;
    const session = await this.persist(() => this.lifecycle.find(this.sessionId));
    if (session?.status === 'queued') return this.persist((inDoubt) => this.lifecycle.claim(this.sessionId, null, inDoubt));
    return session?.status === 'idle' && session.runtime === 'process' ? session : null;
  }

  private async work(session: SessionEntity): Promise<void> {
    const conclusion = await this.serve(session).catch((error: unknown) => this.failure(error));
    await this.agent?.stop();
    await this.persist(() => this.starter.release(this.sessionId));
    if (!conclusion) return;
    await this.delivery;
    await this.persist(() => this.lifecycle.processGone(this.sessionId, conclusion.to, conclusion.options));
    this.logger.log({ msg: 'a session has ended', sessionId: this.sessionId, status: conclusion.to });
  }

  private async serve(session: SessionEntity): Promise<Conclusion> {
    if (this.request) return this.ended(session.status === 'starting');
    this.agent = await this.start(session);
    let isStarting = session.status === 'starting';
    for (;;) {
      const rung = this.bell.promise;
      if (this.request || this.exit) return this.ended(isStarting);
      const begun = await this.persist((inDoubt) => this.lifecycle.beginTurn(this.sessionId, inDoubt));
      if (begun) {
        isStarting = false;
        const conclusion = await this.take(this.agent, begun);
        if (conclusion) return conclusion;
        continue;
      }
      if (isStarting && !this.request && !this.exit) await this.persist((inDoubt) => this.rest(inDoubt));
      isStarting = false;
      await rung;
    }
  }

  private async start(session: SessionEntity): Promise<RunningAgent> {
    const agent = await this.starter.start(session, {
      signal: this.ending.signal,
      persist: (step) => this.persist(step),
      onProcess: (process) =>
        this.persist(() =>
          this.lifecycle.note(this.sessionId, { processId: process?.pid ?? null, processStartedAt: process?.startedAt ?? null }),
        ),
      onAgentSession: (agentSessionId) =>
        this.persist(() => this.lifecycle.note(this.sessionId, { agentSessionId: agentSessionId.slice(0, 256) })),
    });
    void agent.exited.then((exit) => {
      this.exit = exit;
      this.ring();
    });
    this.logger.log({ msg: 'an agent was started', sessionId: this.sessionId, agent: session.agent });
    return agent;
  }

  /** One turn. What it gives back ends the session. */
  private async take(agent: RunningAgent, begun: BegunTurn): Promise<Conclusion> {
    const { directories } = this.starter;
    await directories.turnBegins(this.sessionId, begun.turn);
    const outcome = await this.prompt(agent, begun);
    await this.delivery;
    // At a shutdown nobody waits for more than what has to be.
    if (this.request?.kind !== 'shutdown') await directories.turnEnds(this.sessionId, begun.turn);
    if (outcome === null) {
      this.exit ??= await agent.exited;
      return this.ended(false, true);
    }
    if (outcome.state === 'failed' && !this.request)
      return { to: 'failed', options: { reason: outcome.error ?? 'the turn failed', ...exitColumns(outcome.exit) } };
    // A turn that was cut off by the end of its session is closed with it.
    if (this.request && outcome.state !== 'completed') return this.ended(false);
    const { state, stopReason, error } = outcome;
    await this.persist(() => this.lifecycle.endTurn(this.sessionId, begun.turn, { state, stopReason, error }));
    return null;
  }

  /** Null where the agent was gone before it answered. */
  private async prompt(agent: RunningAgent, { turn, inputId, content, agentMode }: BegunTurn): Promise<TurnOutcome | null> {
    const current = (this.turn ??= { position: 0, isPrompted: false, isInterrupted: false });
    try {
      const outcome = agent.prompt({ turn, content, agentMode, onDelivered: () => this.delivered(inputId) });
      current.isPrompted = true;
      if (current.isInterrupted || this.request) this.interruptAgent();
      return await outcome;
    } catch (error) {
      if (error instanceof AgentGoneError) return null;
      throw error;
    } finally {
      this.turn = null;
    }
  }

  private delivered(inputId: string): void {
    this.delivery = this.persist(() => this.lifecycle.confirmDelivery(this.sessionId, inputId)).catch((error: unknown) => {
      if (!isDeleted(error)) this.logger.warn({ msg: 'a delivery could not be noted', sessionId: this.sessionId, err: error });
    });
  }

  /** How a session goes on whose agent ended, or is to be ended. */
  private async ended(isStarting: boolean, isInTurn = false): Promise<Conclusion> {
    const { request } = this;
    if (request?.kind === 'deleted') return null;
    const exit = (await this.agent?.stop()) ?? this.exit;
    if (request?.kind === 'stop') return { to: 'stopped', options: { reason: request.reason, ...exitColumns(exit) } };
    if (request?.kind === 'shutdown') {
      const isKept = exit === null && !isStarting && (await this.lifecycle.find(this.sessionId))?.status === 'idle';
      return isKept ? null : { to: isStarting ? 'failed' : 'lost', options: { reason: request.reason, ...exitColumns(exit) } };
    }
    if (!exit) return { to: 'failed', options: { reason: 'the agent is gone' } };
    // An agent that leaves of its own accord between turns has done what it wanted to do.
    if (exit.code === 0 && !isInTurn && !isStarting)
      return { to: 'completed', options: { reason: 'the agent ended by itself', ...exitColumns(exit) } };
    const when = isStarting ? 'before it took any input' : isInTurn ? 'in the middle of a turn' : 'while it waited for input';
    return {
      to: 'failed',
      options: {
        reason: exit.hasHungUp
          ? `the agent closed its output ${when} without ending, and was ended${lastLines(exit.stderr)}`
          : `the agent ended ${when}, with ${exit.signal ?? `code ${exit.code}`}${lastLines(exit.stderr)}`,
        ...exitColumns(exit),
      },
    };
  }

  private async failure(error: unknown): Promise<Conclusion> {
    if (isDeleted(error)) return null;
    if (this.request) return this.ended(this.agent === null);
    if (!(error instanceof DomainError)) this.logger.error({ msg: 'a session failed', sessionId: this.sessionId, err: error });
    return { to: 'failed', options: { reason: reasonOf(error) } };
  }

  private interruptAgent(): void {
    this.agent
      ?.interrupt()
      .catch((error: unknown) => this.logger.warn({ msg: 'an agent could not be interrupted', sessionId: this.sessionId, err: error }));
  }

  private stopAgent(): void {
    this.agent
      ?.stop()
      .catch((error: unknown) => this.logger.error({ msg: 'an agent could not be stopped', sessionId: this.sessionId, err: error }));
  }

  /** To `idle`; `inDoubt`, it may be there already. */
  private async rest(inDoubt: boolean): Promise<void> {
    if (inDoubt && (await this.lifecycle.find(this.sessionId))?.status === 'idle') return;
    await this.lifecycle.move(this.sessionId, 'idle');
  }

  /**
   * Repeats what only the database hinders, for as long as it does; at shutdown for some seconds. `inDoubt`: an earlier attempt may have been
   * kept without our hearing of it.
   */
  private async persist<T>(step: (inDoubt: boolean) => Promise<T>): Promise<T> {
    let inDoubt = false;
    for (let attempt = 0; ; attempt++) {
      try {
        return await step(inDoubt);
      } catch (error) {
        const isPassing = isUnavailable(error);
        if (error instanceof DomainError && !isPassing) throw error;
        const pauseMs = RETRY_PAUSES_MS[attempt] ?? (isPassing && this.request?.kind !== 'shutdown' ? RETRY_PAUSES_MS.at(-1) : undefined);
        if (pauseMs === undefined) throw error;
        inDoubt ||= error instanceof DatabaseUnavailableError;
        this.logger.warn({ msg: 'a step of a session is repeated', sessionId: this.sessionId, err: error });
        await sleep(pauseMs);
      }
    }
  }
}

const isDeleted = (error: unknown): boolean => error instanceof SessionNotFoundError || error instanceof LogNotFoundError;

const exitColumns = (exit: ProcessExit | null | undefined): Pick<MoveOptions, 'exitCode' | 'exitSignal'> => ({
  ...(exit?.code === null || exit?.code === undefined ? {} : { exitCode: exit.code }),
  ...(exit?.signal === null || exit?.signal === undefined ? {} : { exitSignal: exit.signal }),
});
