import { Injectable } from '@nestjs/common';
import type { Principal } from '../auth/principal.types.js';
import { MusterConfig } from '../config/muster-config.js';
import { UnitOfWork } from '../core/database/unit-of-work.js';
import { NodeIdentity } from '../core/node-identity.js';
import { commandLine, environmentValue, isRunning, listProcesses } from '../core/process/proc-stat.js';
import { type EndedGroup, endGroup } from '../core/process/process-group.js';
import { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { NODE_VARIABLE } from './agent-surroundings.service.js';
import { Launcher } from './launcher.service.js';
import { OrphanChangedError, OrphanNotFoundError } from './orphan.errors.js';
import type { Orphan, OrphanReason } from './orphan.types.js';

const MAX_COMMAND = 256;

/** Processes that carry marks of ours, and that no session of this server accounts for. An admin may have them ended; nobody else does. */
@Injectable()
export class Orphans {
  constructor(
    private readonly config: MusterConfig,
    private readonly node: NodeIdentity,
    private readonly launcher: Launcher,
    private readonly lifecycle: SessionLifecycle,
    private readonly unit: UnitOfWork,
  ) {}

  /** In the order in which they were started. */
  async list(): Promise<Orphan[]> {
    const found: Orphan[] = [];
    for (const each of listProcesses()) {
      const { pid, startedAt } = each;
      if (pid === process.pid || !isRunning(each)) continue;
      const sessionId = environmentValue(pid, 'MUSTER_SESSION_ID') ?? null;
      const nodeId = environmentValue(pid, NODE_VARIABLE) ?? null;
      const reason = await this.reasonOf(sessionId, nodeId);
      if (reason !== null) found.push({ pid, startedAt, reason, sessionId, nodeId, command: commandLine(pid).slice(0, MAX_COMMAND) });
    }
    return found.sort((one, other) => one.startedAt - other.startedAt);
  }

  /** Ends an orphan with its group and what it brought forth, verified. @throws OrphanNotFoundError, OrphanChangedError */
  async reap({ id: actor }: Principal, pid: number, startedAt: number): Promise<EndedGroup> {
    const orphan = (await this.list()).find((each) => each.pid === pid);
    if (!orphan) throw new OrphanNotFoundError(pid);
    if (orphan.startedAt !== startedAt) throw new OrphanChangedError(pid, orphan.startedAt);
    const { reason, sessionId: markedSessionId } = orphan;
    await this.unit.run(async (work) =>
      work.emit('process.reaped', { actor }, { processId: String(pid), startedAt, reason, markedSessionId }),
    );
    return endGroup(orphan, { graceMs: this.config.agentStopGraceMs, belongs: (each) => each === pid });
  }

  private async reasonOf(sessionId: string | null, nodeId: string | null): Promise<OrphanReason | null> {
    if (nodeId !== this.node.id) return sessionId === null ? null : 'not_ours';
    if (sessionId === null) return 'session_unknown';
    if (this.launcher.isDriving(sessionId)) return null;
    return (await this.lifecycle.find(sessionId)) ? 'session_without_agent' : 'session_unknown';
  }
}
