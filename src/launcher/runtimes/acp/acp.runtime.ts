import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterConfig } from '../../../config/muster-config.js';
import { DomainError } from '../../../core/errors/domain.error.js';
import { newId } from '../../../core/ids.js';
import { hasEnvironment } from '../../../core/process/proc-stat.js';
import { spawnGroup } from '../../../core/process/spawn-group.js';
import { AgentQuestions } from '../../agent-questions.service.js';
import type { AgentHost } from '../../host/agent-host.types.js';
import { AgentRequestError } from '../../host/agent-host.types.js';
import { InProcessAgentHost } from '../../host/in-process-agent-host.js';
import { AgentStartError } from '../../launcher.errors.js';
import type { LaunchSpec, RunningAgent, Runtime } from '../../runtime.types.js';
import { SessionRecorder } from '../../session-recorder.service.js';
import { AcpAgent, textOfFailure } from './acp-agent.js';
import { chooseModel, mcpServersFor, optionsOf } from './acp-options.js';

/** JSON-RPC code of ACP: authentication required. */
const AUTH_REQUIRED = -32000;

/** Drives agents that speak the Agent Client Protocol on their standard streams: one process a session. */
@Injectable()
export class AcpRuntime implements Runtime {
  readonly kind = 'acp';
  private readonly logger = new Logger(AcpRuntime.name);

  constructor(
    private readonly config: MusterConfig,
    private readonly recorder: SessionRecorder,
    private readonly questions: AgentQuestions,
  ) {}

  /** @throws AgentStartError, NotSupportedError */
  async start(spec: LaunchSpec): Promise<RunningAgent> {
    const { session, profile, signal } = spec;
    const host = await this.spawn(spec);
    const agent = new AcpAgent(host, this.recorder, this.questions, {
      sessionId: session.id,
      policy: session.policy,
      canAsk: true,
      actor: `agent:${session.id}`,
    });
    const bound = new AbortController();
    void host.exited.then(({ survivors }) => {
      if (survivors.length > 0)
        this.logger.error({ msg: 'processes of an agent can not be ended', sessionId: session.id, pids: survivors });
    });
    try {
      await spec.onProcess(host.process);
      signal.throwIfAborted();
      const late = this.limit(bound.signal).then(() =>
        Promise.reject(new Error(`it did not answer within ${this.config.agentStartTimeoutMs} ms`)),
      );
      const given = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(aborted()), { once: true, signal: bound.signal }),
      );
      const gone = host.exited.then(({ code, signal: by }) => Promise.reject(new Error(`it ended with ${by ?? `code ${code}`}`)));
      await Promise.race([this.open(host, agent, spec), late, given, gone]);
      return agent;
    } catch (error) {
      const { stderr } = await host.stop();
      if (signal.aborted) throw aborted();
      throw explained(error, profile.name, stderr);
    } finally {
      bound.abort();
    }
  }

  private async spawn({ session, profile, program, env }: LaunchSpec): Promise<AgentHost> {
    try {
      const group = await spawnGroup({ program, args: profile.command.slice(1), cwd: session.projectDir, env });
      const debug = (facts: Readonly<Record<string, unknown>>) =>
        this.logger.debug({ sessionId: session.id, agent: profile.name, ...facts });
      const belongs = (pid: number) => hasEnvironment(pid, 'MUSTER_SESSION_ID', session.id);
      return new InProcessAgentHost(group, { id: newId(), stopGraceMs: this.config.agentStopGraceMs, belongs, debug });
    } catch (error) {
      throw explained(error, profile.name, '');
    }
  }

  private async open(host: AgentHost, agent: AcpAgent, { session, onAgentSession }: LaunchSpec): Promise<void> {
    const { capabilities } = await host.initialize();
    const servers: unknown = JSON.parse(session.mcpServers);
    const mcpServers = mcpServersFor(capabilities, Array.isArray(servers) ? servers : []);
    const opened = await host.newConversation({ cwd: session.projectDir, mcpServers });
    agent.opened({ capabilities, options: optionsOf(opened) });
    await onAgentSession(opened.sessionId);
    if (session.agentMode !== null) await agent.setMode(session.agentMode);
    if (session.model !== null) {
      const choice = chooseModel(optionsOf(opened), session.model);
      if (choice?.kind === 'option') await host.setConfigOption(choice.configId, choice.value);
    }
  }

  private async limit(signal: AbortSignal): Promise<void> {
    await sleep(this.config.agentStartTimeoutMs, undefined, { signal, ref: false }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return new Promise(() => undefined);
    });
  }
}

const aborted = (): Error => new Error('the start was given up');

function explained(error: unknown, profile: string, stderr: string): DomainError {
  if (error instanceof DomainError) return error;
  const remedy =
    error instanceof AgentRequestError && error.code === AUTH_REQUIRED
      ? 'Sign in with the agent itself on this host, then start the session again.'
      : undefined;
  const step = error instanceof AgentRequestError ? `${error.method}: ` : '';
  return new AgentStartError(profile, `${step}${textOfFailure(error)}`, { remedy, stderr });
}
