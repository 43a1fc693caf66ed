import type { AgentCapabilities } from '@agentclientprotocol/sdk';
import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { capabilitiesOf } from '../../../agents/agent-profile.types.js';
import { MusterConfig } from '../../../config/muster-config.js';
import { DomainError } from '../../../core/errors/domain.error.js';
import { newId } from '../../../core/ids.js';
import { hasEnvironment } from '../../../core/process/proc-stat.js';
import { spawnGroup } from '../../../core/process/spawn-group.js';
import type { AgentHost, ConversationRequest, OpenedConversation } from '../../host/agent-host.types.js';
import { AgentRequestError } from '../../host/agent-host.types.js';
import { InProcessAgentHost } from '../../host/in-process-agent-host.js';
import type { SessionEntity } from '../../../sessions/persistence/session.entity.js';
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
  ) {}

  /** @throws AgentStartError, NotSupportedError */
  async start(spec: LaunchSpec): Promise<RunningAgent> {
    const { session, profile, signal } = spec;
    const host = await this.spawn(spec);
    const agent = new AcpAgent(host, this.recorder, {
      sessionId: session.id,
      policy: session.policy,
      actor: `agent:${session.id}`,
      isResumed: goesOn(session),
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

  private async open(host: AgentHost, agent: AcpAgent, spec: LaunchSpec): Promise<void> {
    const { session, onAgentSession } = spec;
    const { capabilities } = await host.initialize();
    const servers: unknown = JSON.parse(session.mcpServers);
    const mcpServers = mcpServersFor(capabilities, Array.isArray(servers) ? servers : []);
    const opened = await this.converse(host, capabilities, { cwd: session.projectDir, mcpServers }, spec);
    agent.opened({ capabilities, options: optionsOf(opened) });
    await onAgentSession(opened.sessionId);
    if (session.agentMode !== null) await agent.setMode(session.agentMode);
    if (session.model !== null) {
      const choice = chooseModel(optionsOf(opened), session.model);
      if (choice?.kind === 'option') await host.setConfigOption(choice.configId, choice.value);
    }
  }

  /** Goes on with the earlier conversation where there is one and the agent can; else begins a new one. */
  private async converse(
    host: AgentHost,
    capabilities: AgentCapabilities,
    request: ConversationRequest,
    { session, profile, onContinued }: LaunchSpec,
  ): Promise<OpenedConversation> {
    const { id: sessionId, agentSessionId } = session;
    const how = goesOn(session) && capabilitiesOf(profile).resume ? resumedHow(capabilities) : null;
    if (how === null || agentSessionId === null) return host.newConversation(request);
    try {
      const opened = await host.resumeConversation(agentSessionId, how, request);
      await onContinued();
      return opened;
    } catch (error) {
      if (!(error instanceof AgentRequestError)) throw error;
      const text = `the agent can't go on with its conversation ${agentSessionId} (${textOfFailure(error)}): a new one is given the earlier one as context`;
      await this.recorder.record(sessionId, [
        { draft: { type: 'log', source: 'system', actor: 'system', payload: { level: 'warn', text: text.slice(0, 2_000) } } },
      ]);
      return host.newConversation(request);
    }
  }

  private async limit(signal: AbortSignal): Promise<void> {
    await sleep(this.config.agentStartTimeoutMs, undefined, { signal, ref: false }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return new Promise(() => undefined);
    });
  }
}

/** It was begun by an earlier process of the agent. */
const goesOn = ({ agentSessionId, contextDueSince }: SessionEntity): boolean => agentSessionId !== null && contextDueSince !== null;

function resumedHow({ sessionCapabilities, loadSession }: AgentCapabilities): 'resume' | 'load' | null {
  if (sessionCapabilities?.resume) return 'resume';
  return loadSession === true ? 'load' : null;
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
