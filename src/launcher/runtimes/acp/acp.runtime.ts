import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterConfig } from '../../../config/muster-config.js';
import { DomainError } from '../../../core/errors/domain.error.js';
import type { SessionEntity } from '../../../sessions/persistence/session.entity.js';
import { modeRulesOf } from '../../../sessions/modes/mode.types.js';
import { AgentHosts } from '../../agent-hosts.service.js';
import { AgentQuestions } from '../../agent-questions.service.js';
import { type AgentHost, AgentRequestError } from '../../host/agent-host.types.js';
import type { RemoteAgentHost } from '../../host/remote-agent-host.js';
import { HostPositions } from '../../host-positions.service.js';
import { AgentStartError } from '../../launcher.errors.js';
import type { FoundAgent, LaunchSpec, RunningAgent, Runtime } from '../../runtime.types.js';
import { SessionRecorder } from '../../session-recorder.service.js';
import { AcpAgent, type AcpAgentOptions } from './acp-agent.js';
import { acpState } from './acp-bookmark.js';
import { converse } from './acp-conversation.js';
import { acpConversation, chooseModel, mcpServersFor, optionsOf } from './acp-options.js';
import { textOfFailure } from './acp-outcome.js';

/** JSON-RPC code of ACP: authentication required. */
const AUTH_REQUIRED = -32000;

/** Drives agents that speak the Agent Client Protocol on their standard streams: one process a session, which outlives this server. */
@Injectable()
export class AcpRuntime implements Runtime {
  readonly kind = 'acp';
  private readonly logger = new Logger(AcpRuntime.name);

  constructor(
    private readonly config: MusterConfig,
    private readonly recorder: SessionRecorder,
    private readonly hosts: AgentHosts,
    private readonly positions: HostPositions,
    private readonly questions: AgentQuestions,
  ) {}

  /** @throws AgentStartError, NotSupportedError */
  async start(spec: LaunchSpec): Promise<RunningAgent> {
    const { session, profile, signal } = spec;
    const host = await this.spawn(spec);
    const agent = this.drive(host, session, 0);
    const bound = new AbortController();
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

  async takeUp(session: SessionEntity): Promise<FoundAgent | null> {
    const found = await this.hosts.reach(session.id);
    if (!found) return null;
    const { host, row } = found;
    const conversation = acpConversation.safeParse(jsonOf(row.conversation)).data;
    const state = acpState.nullable().safeParse(jsonOf(row.state));
    if (!conversation || !state.success) {
      await host.leave();
      return null;
    }
    return { agent: this.drive(host, session, row.resumeN, { conversation, state: state.data }), wasGone: host.wasGone };
  }

  private drive(
    host: RemoteAgentHost,
    { id: sessionId, policy, modeRules, contextDue }: SessionEntity,
    resumeN: number,
    known?: AcpAgentOptions['known'],
  ): AcpAgent {
    this.positions.begin(sessionId, host.id, resumeN);
    void host.exited.then(({ survivors }) => {
      this.positions.end(sessionId);
      if (survivors.length > 0) this.logger.error({ msg: 'processes of an agent can not be ended', sessionId, pids: survivors });
    });
    return new AcpAgent(host, this.recorder, this.questions, {
      ...{ sessionId, policy, canAsk: modeRulesOf({ modeRules })?.supportsHitl !== false, actor: `agent:${sessionId}`, known },
      isResumed: contextDue === 'native',
      expect: (eventId, position) => this.positions.expect(sessionId, eventId, position),
      settled: () => this.positions.settled(sessionId),
    });
  }

  private async spawn({ session, profile, program, env, persist }: LaunchSpec): Promise<RemoteAgentHost> {
    try {
      return await this.hosts.start(session.id, { program, args: profile.command.slice(1), cwd: session.projectDir, env }, persist);
    } catch (error) {
      throw explained(error, profile.name, '');
    }
  }

  private async open(host: AgentHost, agent: AcpAgent, spec: LaunchSpec): Promise<void> {
    const { session, onAgentSession, onContext, persist } = spec;
    const { capabilities } = await host.initialize();
    const servers: unknown = JSON.parse(session.mcpServers);
    const mcpServers = mcpServersFor(capabilities, Array.isArray(servers) ? servers : []);
    const { opened, isContinued } = await converse(host, spec, { capabilities, cwd: session.projectDir, mcpServers });
    // A new one that replaces another is told of it; which of the two it is, is known before its id is.
    if (!isContinued && session.contextDue === 'native') await onContext('text');
    const conversation = { capabilities, options: optionsOf(opened) };
    agent.opened(conversation);
    await onAgentSession(opened.sessionId);
    if (session.agentMode !== null) await agent.setMode(session.agentMode);
    if (session.model !== null) {
      const choice = chooseModel(optionsOf(opened), session.model);
      if (choice?.kind === 'option') await host.setConfigOption(choice.configId, choice.value);
    }
    await persist(() => this.hosts.opened(host, session.id, conversation));
    if (isContinued) await onContext(null);
  }

  private async limit(signal: AbortSignal): Promise<void> {
    await sleep(this.config.agentStartTimeoutMs, undefined, { signal, ref: false }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return new Promise(() => undefined);
    });
  }
}

function jsonOf(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
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
