import { type BeforeApplicationShutdown, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterConfig } from '../config/muster-config.js';
import { deferred } from '../core/deferred.js';
import type { DomainEvent } from '../core/event-bus/domain-event.types.js';
import { EventBus } from '../core/event-bus/event-bus.js';
import { isLive } from '../sessions/session.state.js';
import { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { AgentStarter } from './agent-starter.service.js';
import { BootReconciliation } from './boot-reconciliation.service.js';
import type { SessionDriver } from './session-driver.js';
import type { EndRequest } from './session-driver.types.js';
import { SessionDrivers } from './session-drivers.service.js';

/** What ending an agent takes beyond its grace: a cancelled prompt, the end of its input (3 s), the kill (2 s), the log. */
const STOP_MARGIN_MS = 7_000;

interface Driven {
  readonly driver: SessionDriver;
  readonly over: Promise<void>;
  /** Something was asked of it that came too late for its driver, maybe: the session was suspended, and goes on. */
  isWanted: boolean;
}

/**
 * Has one driver for each session it works for. What is asked of it is handed over at once: nobody waits for an agent. Nothing is done
 * before the sessions of an earlier life of this server are settled.
 */
@Injectable()
export class Launcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Launcher.name);
  private readonly driven = new Map<string, Driven>();
  private readonly ready = deferred();
  private stopping: Promise<void> | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly config: MusterConfig,
    private readonly lifecycle: SessionLifecycle,
    private readonly starter: AgentStarter,
    private readonly reconciliation: BootReconciliation,
    private readonly bus: EventBus,
    private readonly drivers: SessionDrivers,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const left = await this.reconciliation.run();
    this.unsubscribe = this.bus.subscribe((event) => this.hear(event));
    for (const { id, stopRequestedAt, suspendRequestedAt } of left) {
      this.drive(id);
      if (stopRequestedAt !== null) this.end(id, { kind: 'stop', reason: 'stopped, after a restart of the server' });
      else if (suspendRequestedAt !== null) this.end(id, { kind: 'suspend', reason: 'suspended, after a restart of the server' });
    }
    this.ready.resolve();
    await this.takeUpQueued();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  /** Launches a session that is queued, or hands its next input to its agent. */
  drive(sessionId: string): void {
    const driven = this.driven.get(sessionId);
    if (driven) {
      driven.isWanted = true;
      return driven.driver.ring();
    }
    if (this.stopping) return;
    const driver = this.drivers.make(sessionId);
    const over = this.ready.promise.then(() => driver.run()).finally(() => this.leave(sessionId));
    this.driven.set(sessionId, { driver, over, isWanted: false });
  }

  /** Ends the turn under way, if it was when this was asked for, at `position` of the feed. */
  interrupt(sessionId: string, position: number): void {
    void this.ready.promise.then(() => this.driven.get(sessionId)?.driver.interrupt(position));
  }

  /** Ends a session's agent, and then the session. */
  end(sessionId: string, request: EndRequest): void {
    const driven = this.driven.get(sessionId);
    if (driven) return driven.driver.end(request);
    void this.endUndriven(sessionId, request);
  }

  /** Whether this server works for a session. */
  isDriving(sessionId: string): boolean {
    return this.driven.has(sessionId);
  }

  /**
   * Leaves all agents that can go on alone to the next start of this server, if it is configured so, and ends the others; sessions of agents
   * that were ended are `lost` then, to be resumed. Resolves within the agents' grace and seven seconds.
   */
  stop(): Promise<void> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  private leave(sessionId: string): void {
    const driven = this.driven.get(sessionId);
    this.driven.delete(sessionId);
    if (driven?.isWanted) this.drive(sessionId);
  }

  private async stopAll(): Promise<void> {
    const all = [...this.driven.values()];
    const keeps = this.config.agentsOnShutdown === 'keep';
    all.forEach(({ driver }) => driver.end({ kind: 'shutdown', reason: 'the server was shut down', keeps }));
    this.ready.resolve();
    const boundMs = this.config.agentStopGraceMs + STOP_MARGIN_MS;
    const isDone = await Promise.race([Promise.all(all.map(({ over }) => over)).then(() => true), sleep(boundMs, false, { ref: false })]);
    this.unsubscribe?.();
    if (!isDone) this.logger.error({ msg: 'not all agents ended in time', sessions: [...this.driven.keys()] });
  }

  /** Only what is committed in this process matters here: our own moves, heard before the call that made them returns. */
  private hear(event: DomainEvent): void {
    if (event.name !== 'session.status-changed' || event.sessionId === null || !('to' in event.data)) return;
    const { from, to } = event.data;
    if (to === 'running' && (from === 'starting' || from === 'idle')) this.driven.get(event.sessionId)?.driver.turnBegan(event.position);
    // An input may have waited with it for an answer.
    if (to === 'idle' && from === 'awaiting_approval') this.driven.get(event.sessionId)?.driver.ring();
  }

  /** Queued sessions whose event was handled by a life of this server that ended before it claimed them. */
  private async takeUpQueued(): Promise<void> {
    for (const { id, launch, runtime } of await this.lifecycle.findIn(['queued']))
      if (runtime !== 'external' && (launch || (await this.lifecycle.hasWaitingInput(id)))) this.drive(id);
  }

  /** A session that nobody works for (a command between turns, after a restart) ends at once. */
  private async endUndriven(sessionId: string, request: EndRequest): Promise<void> {
    try {
      await this.ready.promise;
      const driven = this.driven.get(sessionId);
      if (driven) return driven.driver.end(request);
      if (request.kind === 'deleted') return await this.starter.forget(sessionId);
      const session = await this.lifecycle.find(sessionId);
      if (session && isLive(session.status) && session.status !== 'queued')
        await this.lifecycle.processGone(sessionId, request.kind === 'suspend' ? 'suspended' : 'stopped', { reason: request.reason });
    } catch (error) {
      this.logger.error({ msg: 'a session could not be ended', sessionId, err: error });
    }
  }
}
