import { Injectable, Logger } from '@nestjs/common';
import { MusterConfig } from '../config/muster-config.js';
import { DatabaseIdentity } from '../core/database/database-identity.service.js';
import { hasEnvironment, isAlive, isRunning, listProcesses, type ProcessIdentity } from '../core/process/proc-stat.js';
import { type EndedGroup, endGroup } from '../core/process/process-group.js';
import { NodeIdentity } from '../core/node-identity.js';
import { OpenBlocks } from '../events/open-blocks.service.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { NODE_VARIABLE } from './agent-surroundings.service.js';
import { AgentStarter } from './agent-starter.service.js';

const RESTORED = 'the database was restored: whether its prompt reached an agent after the backup was made is not known';

/** Runtimes whose agents are children of this server, and lose their standard streams with it. */
const OURS: readonly string[] = ['acp', 'process'];

/** Makes the sessions true again that an earlier life of this server left behind: nothing stays `running` falsely. */
@Injectable()
export class BootReconciliation {
  private readonly logger = new Logger(BootReconciliation.name);

  constructor(
    private readonly config: MusterConfig,
    private readonly lifecycle: SessionLifecycle,
    private readonly starter: AgentStarter,
    private readonly blocks: OpenBlocks,
    private readonly node: NodeIdentity,
    private readonly identity: DatabaseIdentity,
  ) {}

  /** To be called before anything is launched. Takes as long as the most stubborn of the agents left behind takes to end. */
  async run(): Promise<void> {
    await this.blocks.recover();
    const sessions = await this.lifecycle.findIn(['starting', 'running', 'idle', 'awaiting_approval']);
    const orphaned = sessions.filter(({ runtime }) => OURS.includes(runtime));
    await Promise.all(
      orphaned.map((session) =>
        this.settle(session).catch((error: unknown) =>
          this.logger.error({ msg: 'a session could not be settled after a restart', sessionId: session.id, err: error }),
        ),
      ),
    );
    await this.endStrays();
    await this.settleRestored();
  }

  /** In a restored database what waits to be done may have been done already, after the copy was made: it is not begun again by itself. */
  private async settleRestored(): Promise<void> {
    if (this.identity.restoredAt === null) return;
    for (const id of await this.lifecycle.withWaitingInput()) {
      await this.lifecycle.doubtWaiting(id, RESTORED);
      this.logger.warn({ msg: 'a session of a restored database does not go on by itself', sessionId: id });
    }
    await this.identity.settled();
  }

  /** Nothing of this server runs yet: what still carries its mark belongs to sessions that were deleted, or left its group. */
  private async endStrays(): Promise<void> {
    const strays = listProcesses().filter(
      (each) => each.pid !== process.pid && isRunning(each) && hasEnvironment(each.pid, NODE_VARIABLE, this.node.id),
    );
    if (strays.length === 0) return;
    const { agentStopGraceMs: graceMs } = this.config;
    const belongs = (pid: number) => hasEnvironment(pid, NODE_VARIABLE, this.node.id);
    const ended = await Promise.all(strays.map((stray) => endGroup(stray, { graceMs, isOurs: belongs, belongs })));
    const survivors = ended.flatMap((each) => each.survivors);
    this.logger.warn({
      msg: 'processes that an earlier life of this server had started were ended',
      pids: strays.map(({ pid }) => pid),
      survivors,
    });
  }

  private async settle(session: SessionEntity): Promise<void> {
    const { id, status, runtime, stopRequestedAt, suspendRequestedAt } = session;
    const found = await this.endLeftovers(session);
    if (stopRequestedAt !== null) return this.close(id, 'stopped', `stopped; ${found}`);
    if (suspendRequestedAt !== null) return this.close(id, 'suspended', `suspended; ${found}`);
    // A command between two turns has no process that could have been lost.
    if (runtime === 'process' && status === 'idle') return;
    if (status === 'starting') return this.close(id, 'failed', `the server stopped while the agent was starting; ${found}`);
    return this.close(id, 'lost', `the server stopped while the agent ran, how the agent ended is not known; ${found}`);
  }

  private async close(id: string, to: 'stopped' | 'suspended' | 'failed' | 'lost', reason: string): Promise<void> {
    await this.lifecycle.processGone(id, to, { reason });
    await this.starter.release(id);
    this.logger.warn({ msg: 'a session was left behind by an earlier life of this server', sessionId: id, status: to, reason });
  }

  /** Ends what is provably the session's: the process of that pid and start time with its group, or the group's rest that carries its id. */
  private async endLeftovers({ id, processId, processStartedAt }: SessionEntity): Promise<string> {
    if (processId === null || processStartedAt === null) return 'no process was known';
    const leader: ProcessIdentity = { pid: processId, startedAt: processStartedAt };
    const wasAlive = isAlive(leader);
    const isOurs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', id);
    const { ended, survivors } = await endGroup(leader, { graceMs: this.config.agentStopGraceMs, isOurs, belongs: isOurs });
    this.tell(id, leader, { ended, survivors });
    if (wasAlive) return 'its process was still there and was ended';
    return ended > 0 ? 'its process was gone, what was left of its group was ended' : 'its process was gone';
  }

  private tell(sessionId: string, { pid }: ProcessIdentity, { ended, survivors }: EndedGroup): void {
    if (survivors.length > 0) this.logger.error({ msg: 'processes of a session can not be ended', sessionId, pids: survivors });
    else if (ended > 0)
      this.logger.warn({ msg: 'processes of a session were ended: their server was gone', sessionId, processes: ended, pid });
  }
}
