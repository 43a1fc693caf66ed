import { Logger } from '@nestjs/common';
import { deferred } from '../core/deferred.js';
import { DomainError } from '../core/errors/domain.error.js';
import { requestContext } from '../core/http/request-context.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { isLive } from '../sessions/session.state.js';
import type { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import type { BegunTurn } from '../sessions/turn.types.js';
import type { AgentStarter } from './agent-starter.service.js';
import { AgentGoneError } from './host/agent-host.types.js';
import { reasonOf } from './launcher.errors.js';
import { persistently } from './persistently.js';
import type { ProcessExit, RunningAgent, TurnOutcome } from './runtime.types.js';
import { type Conclusion, conclusionOf, exitColumns, isDeleted } from './session-conclusion.js';
import type { DriverSurroundings, EndRequest, TurnUnderWay } from './session-driver.types.js';
import { rungWithin, TurnLimit } from './session-limits.js';

/**
 * Works for one session, from its launch to its end, one thing after the other: starts the agent, or takes up the one that an earlier life
 * of this server started, hands it one input after the other, and writes what became of it. Requests from outside ({@link ring},
 * {@link interrupt}, {@link end}) only leave a note and return.
 */
export class SessionDriver {
  private readonly logger = new Logger(SessionDriver.name);
  private readonly lifecycle: SessionLifecycle;
  private readonly starter: AgentStarter;
  private readonly ending = new AbortController();
  private request: EndRequest | null = null;
  private agent: RunningAgent | null = null;
  private exit: ProcessExit | null = null;
  /** It was begun by an earlier life of this server. */
  private isFound = false;
  private wasGone = false;
  private turn: TurnUnderWay | null = null;
  private timedOutAfterMs: number | null = null;
  private bell = deferred();
  private delivery: Promise<void> = Promise.resolve();

  constructor(
    private readonly sessionId: string,
    private readonly surroundings: DriverSurroundings,
  ) {
    this.lifecycle = surroundings.lifecycle;
    this.starter = surroundings.starter;
  }

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
    if (this.turn.isPrompted) this.tell('interrupt');
  }

  /** Ends the agent. The first request decides how; a deletion overrules, and a stop overrules a suspension. */
  end(request: EndRequest): void {
    if (!this.request || request.kind === 'deleted' || (request.kind === 'stop' && this.request.kind === 'suspend')) this.request = request;
    if (this.ending.signal.aborted) return;
    this.ending.abort();
    if (this.isLeaving) void this.agent?.leave?.();
    else this.tell('stop');
    this.ring();
  }

  /** Does all of it; resolves when the session has ended or is left to itself, with no process behind that is not kept. Never rejects. */
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
    } finally {
      this.surroundings.slots.leave(this.sessionId);
    }
  }

  /** The agent goes on without us: one that can, or one whose start is begun anew. */
  private get isLeaving(): boolean {
    return this.request?.kind === 'shutdown' && this.request.keeps && (this.agent === null || this.agent.leave !== undefined);
  }

  /** A queued session is claimed, once there is room; one that was left by an earlier life of this server is taken up. Null: nothing is to be done. */
  private async begin(): Promise<SessionEntity | null> {
    if (this.request?.kind === 'shutdown') return null;
    const session = await this.persist(() => this.lifecycle.find(this.sessionId));
    if (!session || !isLive(session.status)) return null;
    this.isFound = session.status !== 'queued';
    if (this.isFound) return session.runtime === 'acp' || session.status === 'idle' ? session : null;
    await this.surroundings.slots.enter(session, this.ending.signal);
    return this.request ? null : this.persist((inDoubt) => this.lifecycle.claim(this.sessionId, null, inDoubt));
  }

  private async work(session: SessionEntity): Promise<void> {
    const conclusion = await this.serve(session).catch((error: unknown) => this.failure(error));
    if (this.isLeaving) {
      await this.agent?.leave?.();
      return this.delivery;
    }
    await this.agent?.stop();
    await this.persist(() => this.starter.release(this.sessionId));
    if (conclusion) {
      await this.delivery;
      await this.persist(() => this.lifecycle.processGone(this.sessionId, conclusion.to, conclusion.options));
      this.logger.log({ msg: 'a session has ended', sessionId: this.sessionId, status: conclusion.to });
    }
    if (session.runtime === 'acp') await this.persist(() => this.starter.forget(this.sessionId));
  }

  private async serve(session: SessionEntity): Promise<Conclusion> {
    let isStarting = session.status === 'starting';
    const early = this.isFound && session.runtime === 'acp' ? await this.takeUp(session) : null;
    if (early || this.isLeaving) return early;
    if (!this.agent) {
      if (this.request) return this.ended(isStarting);
      this.agent = await this.start(session);
    }
    for (;;) {
      const rung = this.bell.promise;
      if (this.request || this.exit) return this.ended(isStarting);
      const begun = await this.nextTurn(session);
      if (begun) {
        isStarting = false;
        const conclusion = await this.take(this.agent, begun);
        if (conclusion || this.isLeaving) return conclusion;
        continue;
      }
      if (isStarting && !this.request && !this.exit) await this.persist((inDoubt) => this.rest(inDoubt));
      isStarting = false;
      if (!(await rungWithin(rung, this.agent.capabilities.resume ? this.surroundings.idleTimeoutMs : 0)) && (await this.suspend()))
        return null;
    }
  }

  /** A command needs room only while it runs: then its input waits for it, in order. */
  private async nextTurn(session: SessionEntity): Promise<BegunTurn | null> {
    const { slots } = this.surroundings;
    await slots.enter(session, this.ending.signal);
    const begun = this.request ? null : await this.persist((inDoubt) => this.lifecycle.beginTurn(this.sessionId, inDoubt));
    if (!begun && session.runtime === 'process') slots.leave(this.sessionId);
    return begun;
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
      onContext: (contextDue) => this.persist(() => this.lifecycle.note(this.sessionId, { contextDue })),
    });
    this.watch(agent);
    this.logger.log({ msg: 'an agent was started', sessionId: this.sessionId, agent: session.agent });
    return agent;
  }

  /** Goes on with what an earlier life of this server began. A start that had not come to its end is begun anew: its agent has no input yet. */
  private async takeUp(session: SessionEntity): Promise<Conclusion> {
    const found = await this.persist(() => this.starter.takeUp(session));
    if (!found && session.status === 'starting') {
      await this.persist(() => this.starter.forget(this.sessionId));
      return null;
    }
    if (!found) return { to: 'lost', options: { reason: 'the server was restarted, and nothing was left of the agent' } };
    this.agent = found.agent;
    this.wasGone = found.wasGone;
    this.surroundings.slots.hold(session);
    this.watch(found.agent);
    if (this.isLeaving) return null;
    if (this.request) this.tell('stop');
    this.logger.log({ msg: 'an agent was taken up again', sessionId: this.sessionId, agent: session.agent });
    const begun = await this.persist(() => this.lifecycle.turnUnderWay(this.sessionId));
    return begun ? this.take(found.agent, begun) : null;
  }

  private watch(agent: RunningAgent): void {
    void agent.exited.then((exit) => {
      this.exit = exit;
      this.ring();
    });
  }

  /** One turn. What it gives back ends the session. */
  private async take(agent: RunningAgent, begun: BegunTurn): Promise<Conclusion> {
    const told = begun.needsContext ? await this.persist(() => this.surroundings.context.give(this.sessionId, begun)) : begun;
    const outcome = await this.starter.directories.during(this.sessionId, begun.turn, () => this.prompt(agent, told));
    await this.delivery;
    if (outcome === null) {
      if (this.isLeaving) return null;
      this.exit ??= await agent.exited;
      return this.ended(false, true);
    }
    if (outcome.state === 'failed' && !this.request)
      return { to: 'failed', options: { reason: outcome.error ?? 'the turn failed', ...exitColumns(outcome.exit) } };
    // A turn that was cut off by the end of its session is closed with it.
    if (this.request && outcome.state !== 'completed') return this.ended(false);
    const { state, error } = outcome;
    const stopReason = state === 'cancelled' && this.timedOutAfterMs !== null ? 'timed_out' : outcome.stopReason;
    const status = await this.persist(() => this.lifecycle.endTurn(this.sessionId, begun.turn, { state, stopReason, error }));
    this.timedOutAfterMs = null;
    // Its mode may end it with its work.
    return status === 'completed' ? { to: 'completed', options: {} } : null;
  }

  /** Null where the agent was gone before it answered. */
  private async prompt(agent: RunningAgent, { turn, inputId, content, agentMode, elapsedMs }: BegunTurn): Promise<TurnOutcome | null> {
    const current = (this.turn ??= { position: 0, isPrompted: false, isInterrupted: false });
    const { turnTimeoutMs, stopGraceMs } = this.surroundings;
    const limit = new TurnLimit(turnTimeoutMs, elapsedMs, stopGraceMs, {
      onLate: () => {
        this.timedOutAfterMs = turnTimeoutMs;
        this.tell('interrupt');
      },
      onTooLate: () => this.tell('stop'),
    });
    try {
      const outcome = agent.prompt({ turn, content, agentMode, onDelivered: () => this.delivered(inputId) });
      current.isPrompted = true;
      if (current.isInterrupted || (this.request && !this.isLeaving)) this.tell('interrupt');
      return await outcome;
    } catch (error) {
      if (error instanceof AgentGoneError) return null;
      throw error;
    } finally {
      limit.lift();
      this.turn = null;
    }
  }

  private delivered(inputId: string): void {
    this.delivery = this.persist(() => this.lifecycle.confirmDelivery(this.sessionId, inputId)).catch((error: unknown) => {
      if (!isDeleted(error)) this.logger.warn({ msg: 'a delivery could not be noted', sessionId: this.sessionId, err: error });
    });
  }

  /** Frees the process of an agent that nobody has spoken to for long; false where somebody has just now. */
  private async suspend(): Promise<boolean> {
    const reason = `nobody spoke to the agent for ${this.surroundings.idleTimeoutMs} ms: its process was freed`;
    return this.persist((inDoubt) => this.lifecycle.suspendIdle(this.sessionId, reason, inDoubt));
  }

  /** How a session goes on whose agent ended, or is to be ended. */
  private async ended(isStarting: boolean, isInTurn = false): Promise<Conclusion> {
    const { request } = this;
    if (request?.kind === 'deleted' || this.isLeaving) return null;
    const exit = (await this.agent?.stop()) ?? this.exit;
    if (request?.kind === 'stop') return { to: 'stopped', options: { reason: request.reason, ...exitColumns(exit) } };
    if (request?.kind === 'suspend') return { to: 'suspended', options: { reason: request.reason } };
    if (request?.kind === 'shutdown') {
      const isKept = exit === null && !isStarting && (await this.lifecycle.find(this.sessionId))?.status === 'idle';
      return isKept ? null : { to: isStarting ? 'failed' : 'lost', options: { reason: request.reason, ...exitColumns(exit) } };
    }
    return conclusionOf(exit, { isStarting, isInTurn, wasAway: this.wasGone, timedOutAfterMs: this.timedOutAfterMs });
  }

  private async failure(error: unknown): Promise<Conclusion> {
    if (isDeleted(error)) return null;
    if (this.request) return this.ended(this.agent === null);
    if (!(error instanceof DomainError)) this.logger.error({ msg: 'a session failed', sessionId: this.sessionId, err: error });
    return { to: 'failed', options: { reason: reasonOf(error) } };
  }

  private tell(what: 'interrupt' | 'stop'): void {
    this.agent?.[what]().catch((error: unknown) =>
      this.logger.error({ msg: `an agent could not be told to ${what}`, sessionId: this.sessionId, err: error }),
    );
  }

  /** To `idle`; `inDoubt`, it may be there already. */
  private async rest(inDoubt: boolean): Promise<void> {
    if (inDoubt && (await this.lifecycle.find(this.sessionId))?.status === 'idle') return;
    await this.lifecycle.move(this.sessionId, 'idle');
  }

  private persist<T>(step: (inDoubt: boolean) => Promise<T>): Promise<T> {
    return persistently(step, {
      isBrief: () => this.request?.kind === 'shutdown',
      onRepeat: (error) => this.logger.warn({ msg: 'a step of a session is repeated', sessionId: this.sessionId, err: error }),
    });
  }
}
