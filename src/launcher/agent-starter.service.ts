import { Injectable } from '@nestjs/common';
import type { AgentProfile } from '../agents/agent-profile.types.js';
import { AgentsService } from '../agents/agents.service.js';
import { Keys } from '../auth/keys.service.js';
import { findProgram } from '../core/process/find-program.js';
import type { SessionEntity } from '../sessions/persistence/session.entity.js';
import { AgentHosts } from './agent-hosts.service.js';
import { AgentSurroundings } from './agent-surroundings.service.js';
import { AgentMissingError } from './launcher.errors.js';
import { ProjectDirectories } from './project-directories.service.js';
import type { FoundAgent, LaunchSpec, RunningAgent } from './runtime.types.js';
import { Runtimes } from './runtimes/runtimes.service.js';

/** What `execvp` searches where there is no PATH. */
const DEFAULT_PATH = '/usr/bin:/bin';

export type StartHooks = Pick<LaunchSpec, 'onProcess' | 'onAgentSession' | 'onContext' | 'signal' | 'persist'>;

/** Starts the agent of a session: finds its program, gives it an environment and a key of its own, and hands it to its runtime. */
@Injectable()
export class AgentStarter {
  constructor(
    private readonly agents: AgentsService,
    private readonly keys: Keys,
    private readonly surroundings: AgentSurroundings,
    private readonly runtimes: Runtimes,
    /** Where the turns of its agents are looked at, too. */
    readonly directories: ProjectDirectories,
    private readonly hosts: AgentHosts,
  ) {}

  /** @throws UnknownAgentError, AgentMissingError, AgentStartError, NotSupportedError, and what {@link ProjectDirectories.prepare} throws */
  async start(session: SessionEntity, hooks: StartHooks): Promise<RunningAgent> {
    const profile = this.agents.getOrFail(session.agent);
    await this.directories.prepare(session);
    const inherited = { ...this.surroundings.inherited, ...profile.env };
    const [name = ''] = profile.command;
    const program = findProgram(name, inherited['PATH'] || DEFAULT_PATH);
    if (program === null) throw new AgentMissingError(profile);
    // A key that was given without our hearing of it is taken back with the others.
    const env = { ...inherited, ...(await hooks.persist(() => this.ownEnvironment(session, profile))) };
    hooks.signal.throwIfAborted();
    return this.runtimes.of(profile.runtime).start({ session, profile, program, env, ...hooks });
  }

  /** Takes up the agent of a session that an earlier life of this server started; null where there is none any more. */
  async takeUp(session: SessionEntity): Promise<FoundAgent | null> {
    const { runtime } = session;
    if (runtime !== 'acp' && runtime !== 'process') return null;
    return (await this.runtimes.of(runtime).takeUp?.(session)) ?? null;
  }

  /** Takes back what the agent was given. */
  async release(sessionId: string): Promise<void> {
    await this.keys.revokeSessionKeys(sessionId);
  }

  /** Ends and forgets what is left of the agent's host: once its end is in the log. */
  async forget(sessionId: string): Promise<void> {
    await this.hosts.dismiss(sessionId);
  }

  private async ownEnvironment({ id }: SessionEntity, { name }: AgentProfile): Promise<Record<string, string>> {
    return { ...this.surroundings.own, MUSTER_SESSION_ID: id, MUSTER_TOKEN: await this.keys.giveSessionKey(id, name) };
  }
}
