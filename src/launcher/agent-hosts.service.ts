import { Injectable, Logger } from '@nestjs/common';
import { join } from 'node:path';
import { MusterConfig } from '../config/muster-config.js';
import { Clock } from '../core/clock.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { newId } from '../core/ids.js';
import { NodeIdentity } from '../core/node-identity.js';
import { hasEnvironment, isAlive } from '../core/process/proc-stat.js';
import { endGroup } from '../core/process/process-group.js';
import type { SpawnRequest } from '../core/process/spawn-group.js';
import { NODE_VARIABLE } from './agent-surroundings.service.js';
import type { AgentHost } from './host/agent-host.types.js';
import { type HostAddress, RemoteAgentHost } from './host/remote-agent-host.js';
import { removeHost, spawnShim, tokenOf } from './host/shim-spawner.js';
import type { AgentHostEntity } from './persistence/agent-host.entity.js';
import { AgentHostsRepository } from './persistence/agent-hosts.repository.js';

/** A host of an earlier life of this server, with where its spool is to be read on. */
export interface FoundHost {
  readonly host: RemoteAgentHost;
  readonly row: AgentHostEntity;
}

/** The hosts of agents: each a shim of its own that outlives this server. Knows where they are, and what becomes of them. */
@Injectable()
export class AgentHosts {
  private readonly logger = new Logger(AgentHosts.name);

  constructor(
    private readonly config: MusterConfig,
    private readonly hosts: AgentHostsRepository,
    private readonly unit: UnitOfWork,
    private readonly clock: Clock,
    private readonly node: NodeIdentity,
  ) {}

  /** Starts an agent in a new shim. `persist` repeats what only the database hinders. @throws SpawnError, Error of the file system */
  async start(sessionId: string, agent: SpawnRequest, persist: <T>(step: () => Promise<T>) => Promise<T>): Promise<RemoteAgentHost> {
    const { agentStopGraceMs: stopGraceMs, agentLingerMs: lingerMs } = this.config;
    const marks = { MUSTER_SESSION_ID: sessionId, [NODE_VARIABLE]: this.node.id };
    const address = await spawnShim({ id: newId(), sessionId, agent, marks, root: this.root, stopGraceMs, lingerMs });
    const host = await RemoteAgentHost.reach(address, { after: 0, stopGraceMs, debug: this.debugging(sessionId) });
    try {
      await persist(() => this.unit.run(() => this.hosts.put(this.rowOf(address))));
    } catch (error) {
      await this.end(address);
      throw error;
    }
    return host;
  }

  /** Notes what opening its conversation showed: from now on the agent can be taken up again. */
  async opened(host: AgentHost, sessionId: string, conversation: object): Promise<void> {
    await this.unit.run(() => this.hosts.update(sessionId, host.id, { conversation: JSON.stringify(conversation) }));
  }

  /** Hosts that an earlier life of this server left behind, by their sessions. */
  async left(): Promise<Map<string, AgentHostEntity>> {
    return new Map((await this.hosts.all()).map((row) => [row.sessionId, row]));
  }

  /** Whether a host has come so far that its agent can be taken up again, and is one of this server. */
  isOpen(row: AgentHostEntity | undefined): boolean {
    return row !== undefined && row.conversation !== null && this.isHere(row) && tokenOf(row.directory) !== null;
  }

  /** Comes to a host that was left behind, or to what is left of it; null where there is none. @throws HostHoleError */
  async reach(sessionId: string): Promise<FoundHost | null> {
    const row = await this.hosts.find(sessionId);
    const token = row !== null && this.isHere(row) ? tokenOf(row.directory) : null;
    if (row === null || token === null) return null;
    const { agentStopGraceMs: stopGraceMs } = this.config;
    const host = await RemoteAgentHost.reach(addressOf(row, token), {
      after: row.resumeN,
      stopGraceMs,
      debug: this.debugging(sessionId),
    });
    return { host, row };
  }

  /** Ends what is left of a session's host, and forgets it; does nothing where it has none. */
  async dismiss(sessionId: string): Promise<void> {
    const row = await this.hosts.find(sessionId);
    if (row === null) return;
    if (this.isHere(row)) await this.end(addressOf(row, ''));
    await this.unit.run(() => this.hosts.remove(sessionId, row.hostId));
  }

  private get root(): string {
    return join(this.config.dataDir, 'agents');
  }

  /** A copy of a database names hosts that belong to the server it was copied from. */
  private isHere({ hostId, directory }: AgentHostEntity): boolean {
    return directory === join(this.root, hostId);
  }

  private async end({ sessionId, shim, process: agent, directory, socket }: HostAddress): Promise<void> {
    const belongs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', sessionId);
    // A host that ended by itself has verified that nothing is left of its agent.
    if (isAlive(shim) || isAlive(agent)) {
      const { agentStopGraceMs: graceMs } = this.config;
      const groups = await Promise.all([shim, agent].map((each) => endGroup(each, { graceMs, isOurs: belongs, belongs })));
      const survivors = groups.flatMap((each) => each.survivors);
      if (survivors.length > 0) this.logger.error({ msg: 'processes of a session can not be ended', sessionId, pids: survivors });
    }
    removeHost({ directory, socket });
  }

  private rowOf({ id, sessionId, directory, socket, shim, process: agent }: HostAddress): AgentHostEntity {
    return {
      sessionId,
      hostId: id,
      directory,
      socket,
      processId: shim.pid,
      processStartedAt: shim.startedAt,
      agentProcessId: agent.pid,
      agentStartedAt: agent.startedAt,
      conversation: null,
      takenN: 0,
      resumeN: 0,
      state: null,
      createdAt: this.clock.nowIso(),
    };
  }

  private debugging(sessionId: string) {
    return (facts: Readonly<Record<string, unknown>>) => this.logger.debug({ sessionId, ...facts });
  }
}

const addressOf = (row: AgentHostEntity, token: string): HostAddress => ({
  id: row.hostId,
  sessionId: row.sessionId,
  directory: row.directory,
  socket: row.socket,
  token,
  shim: { pid: row.processId, startedAt: row.processStartedAt },
  process: { pid: row.agentProcessId, startedAt: row.agentStartedAt },
});
