import { Injectable, Logger } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { NodeIdentity } from '../core/node-identity.js';
import { environmentValue, hasEnvironment, isAlive, isRunning, listProcesses, type ProcessIdentity } from '../core/process/proc-stat.js';
import { type EndedGroup, endGroup } from '../core/process/process-group.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { NODE_VARIABLE } from './agent-surroundings.service.js';

/** Processes that an earlier life of this server left behind. What is not provably ours is not touched. */
@Injectable()
export class LeftProcesses {
  private readonly logger = new Logger(LeftProcesses.name);

  constructor(
    private readonly config: MusterConfig,
    private readonly node: NodeIdentity,
  ) {}

  /**
   * Ends what carries this server's mark, but for the processes of the sessions in `kept`. To be called while nothing of this server runs
   * yet: what is there belongs to sessions that were deleted, or left its group.
   */
  async endStrays(kept: ReadonlySet<string>): Promise<void> {
    const isStray = (pid: number) => this.isMarked(pid) && !kept.has(environmentValue(pid, 'MUSTER_SESSION_ID') ?? '');
    const strays = listProcesses().filter((each) => each.pid !== process.pid && isRunning(each) && isStray(each.pid));
    if (strays.length === 0) return;
    const { agentStopGraceMs: graceMs } = this.config;
    const ended = await Promise.all(strays.map((stray) => endGroup(stray, { graceMs, isOurs: isStray, belongs: isStray })));
    this.logger.warn({
      msg: 'processes that an earlier life of this server had started were ended',
      pids: strays.map(({ pid }) => pid),
      survivors: ended.flatMap((each) => each.survivors),
    });
  }

  /**
   * Ends what is provably a session's: the process of its pid and start time with its group, or the group's rest that carries its id. Says
   * what was found.
   */
  async endOf({ id, processId, processStartedAt }: SessionEntity): Promise<string> {
    if (processId === null || processStartedAt === null) return 'no process was known';
    const leader: ProcessIdentity = { pid: processId, startedAt: processStartedAt };
    const wasAlive = isAlive(leader);
    const isOurs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', id);
    const { ended, survivors } = await endGroup(leader, { graceMs: this.config.agentStopGraceMs, isOurs, belongs: isOurs });
    this.tell(id, leader, { ended, survivors });
    if (wasAlive) return 'its process was still there and was ended';
    return ended > 0 ? 'its process was gone, what was left of its group was ended' : 'its process was gone';
  }

  private isMarked(pid: number): boolean {
    return hasEnvironment(pid, NODE_VARIABLE, this.node.id);
  }

  private tell(sessionId: string, { pid }: ProcessIdentity, { ended, survivors }: EndedGroup): void {
    if (survivors.length > 0) this.logger.error({ msg: 'processes of a session can not be ended', sessionId, pids: survivors });
    else if (ended > 0)
      this.logger.warn({ msg: 'processes of a session were ended: their server was gone', sessionId, processes: ended, pid });
  }
}
