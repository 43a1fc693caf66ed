import { Injectable, Logger } from '@nestjs/common';
import { DatabaseIdentity } from '../core/database/database-identity.service.js';
import { OpenBlocks } from '../events/open-blocks.service.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { SessionLifecycle } from '../sessions/session-lifecycle.service.js';
import { AgentHosts } from './agent-hosts.service.js';
import { AgentStarter } from './agent-starter.service.js';
import { LeftProcesses } from './left-processes.service.js';

const RESTORED = 'the database was restored: whether its prompt reached an agent after the backup was made is not known';

/** Runtimes whose agents are started by this server. */
const OURS: readonly string[] = ['acp', 'process'];

/** Sessions that go on. */
interface Kept {
  /** By the agents they have. */
  readonly withAgent: ReadonlySet<string>;
  /** From the beginning: their agents had not come so far as to be spoken to. */
  readonly anew: ReadonlySet<string>;
}

/** Makes the sessions true again that an earlier life of this server left behind: nothing stays `running` falsely. */
@Injectable()
export class BootReconciliation {
  private readonly logger = new Logger(BootReconciliation.name);

  constructor(
    private readonly lifecycle: SessionLifecycle,
    private readonly starter: AgentStarter,
    private readonly hosts: AgentHosts,
    private readonly blocks: OpenBlocks,
    private readonly processes: LeftProcesses,
    private readonly identity: DatabaseIdentity,
  ) {}

  /**
   * To be called before anything is launched. Takes as long as the most stubborn of the agents left behind takes to end. Gives back the
   * sessions that go on, to be taken up.
   */
  async run(): Promise<SessionEntity[]> {
    const sessions = await this.lifecycle.findIn(['starting', 'running', 'idle', 'awaiting_approval']);
    const ours = sessions.filter(({ runtime }) => OURS.includes(runtime));
    const { withAgent, anew } = await this.keptOf(ours);
    await this.blocks.recover(withAgent);
    await Promise.all(
      ours
        .filter(({ id }) => !withAgent.has(id) && !anew.has(id))
        .map((session) =>
          this.settle(session).catch((error: unknown) =>
            this.logger.error({ msg: 'a session could not be settled after a restart', sessionId: session.id, err: error }),
          ),
        ),
    );
    for (const sessionId of (await this.hosts.left()).keys()) if (!withAgent.has(sessionId)) await this.starter.forget(sessionId);
    await this.processes.endStrays(withAgent);
    await this.settleRestored();
    return ours.filter(({ id }) => withAgent.has(id) || anew.has(id));
  }

  /** In a restored database none: its agents may have gone on since the backup, or belong to the server that it was made of. */
  private async keptOf(sessions: readonly SessionEntity[]): Promise<Kept> {
    if (this.identity.restoredAt !== null) return { withAgent: new Set(), anew: new Set() };
    const left = await this.hosts.left();
    const acp = sessions.filter(({ runtime }) => runtime === 'acp');
    const withAgent = new Set(acp.flatMap(({ id }) => (this.hosts.isOpen(left.get(id)) ? [id] : [])));
    const isAnew = ({ id, status, stopRequestedAt }: SessionEntity) =>
      status === 'starting' && stopRequestedAt === null && !withAgent.has(id);
    return { withAgent, anew: new Set(acp.filter(isAnew).map(({ id }) => id)) };
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

  private async settle(session: SessionEntity): Promise<void> {
    const { id, status, runtime, stopRequestedAt, suspendRequestedAt } = session;
    const found = await this.processes.endOf(session);
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
}
