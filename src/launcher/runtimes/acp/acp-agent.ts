import type { AgentCapabilities } from '@agentclientprotocol/sdk';
import { type Deferred, deferred } from '../../../core/deferred.js';
import type { EventDraft } from '../../../events/event-log.types.js';
import type { PermissionPolicy } from '../../../sessions/session.types.js';
import { AgentGoneError, type AgentHost, AgentRequestError, type PromptAnswer, type SpoolRecord } from '../../host/agent-host.types.js';
import type { ProcessExit, RunningAgent, RuntimeCapabilities, TurnOutcome, TurnRequest } from '../../runtime.types.js';
import type { Recordable, SessionRecorder } from '../../session-recorder.service.js';
import { chooseMode, type ConversationOptions, unsupportedContent } from './acp-options.js';
import { AcpTranslator } from './acp-translator.js';
import { AgentTrouble } from './agent-trouble.js';
import { decide } from './permission-policy.js';

export interface AcpAgentOptions {
  readonly sessionId: string;
  readonly policy: PermissionPolicy;
  /** Id of the agent's principal, the `actor` of its events. */
  readonly actor: string;
  /** It goes on with an earlier conversation: what that cost was counted then. */
  readonly isResumed: boolean;
}

type Step =
  | { readonly kind: 'events'; readonly items: Recordable[] }
  | { readonly kind: 'delta'; readonly delta: Parameters<SessionRecorder['write']>[0] };

/** What opening the conversation showed. */
export interface AcpConversation {
  readonly capabilities: AgentCapabilities;
  readonly options: ConversationOptions;
}

/** An agent behind an {@link AgentHost}: takes its spool, writes the log, and answers what it asks by the session's policy. */
export class AcpAgent implements RunningAgent {
  readonly exited: Promise<ProcessExit>;
  private readonly translator: AcpTranslator;
  private conversation: AcpConversation = { capabilities: {}, options: { modes: [], currentMode: null, selects: [] } };
  private readonly decisions = new Map<string, string | null>();
  private readonly answers = new Map<number, Deferred<PromptAnswer>>();
  private readonly trouble = new AgentTrouble();
  private isCancelling = false;
  private hasRejected = false;

  constructor(
    private readonly host: AgentHost,
    private readonly recorder: SessionRecorder,
    private readonly options: AcpAgentOptions,
  ) {
    this.translator = new AcpTranslator({ hostId: host.id, actor: options.actor, isResumed: options.isResumed });
    this.exited = host.exited;
    // Translating is stateful and must happen once, also where storing has to be repeated.
    let pending: { first: number; steps: Step[] } | undefined;
    host.attach(async (records) => {
      if (pending?.first !== records[0]?.n) pending = { first: records[0]?.n ?? 0, steps: this.stepsOf(records) };
      await this.carryOut(pending?.steps ?? []);
      pending = undefined;
      records.forEach((record) => this.settle(record));
    });
  }

  get capabilities(): RuntimeCapabilities {
    const { loadSession, sessionCapabilities } = this.conversation.capabilities;
    return { interrupt: true, resume: loadSession === true || Boolean(sessionCapabilities?.resume) };
  }

  opened(conversation: AcpConversation): void {
    this.conversation = conversation;
  }

  async prompt({ turn, content, agentMode, onDelivered }: TurnRequest): Promise<TurnOutcome> {
    const unsupported = unsupportedContent(this.conversation.capabilities, content);
    if (unsupported !== null) return this.refuse(turn, `the agent takes no content of the kind ${unsupported}: the prompt was not sent`);
    this.isCancelling = false;
    this.hasRejected = false;
    if (agentMode !== null) {
      const refusal = await this.changeMode(agentMode);
      if (refusal !== null) return this.refuse(turn, `${refusal}: the prompt was not sent`);
    }
    const answer = deferred<PromptAnswer>();
    this.answers.set(turn, answer);
    // Rejected where the agent ends before its answer; then this call may be waiting elsewhere.
    answer.promise.catch(() => undefined);
    await this.host.prompt(turn, content);
    onDelivered();
    if (this.isCancelling) await this.host.cancel();
    return this.outcome(await answer.promise);
  }

  async interrupt(): Promise<void> {
    this.isCancelling = true;
    await this.host.cancel();
  }

  stop(): Promise<ProcessExit> {
    this.isCancelling = true;
    return this.host.stop();
  }

  /** @throws NotSupportedError, AgentRequestError, AgentGoneError */
  async setMode(mode: string): Promise<void> {
    const choice = chooseMode(this.conversation.options, mode);
    if (choice?.kind === 'mode') await this.host.setMode(choice.modeId);
    if (choice?.kind === 'option') await this.host.setConfigOption(choice.configId, choice.value);
    this.conversation = { ...this.conversation, options: { ...this.conversation.options, currentMode: mode } };
  }

  private async changeMode(mode: string): Promise<string | null> {
    try {
      await this.setMode(mode);
      return null;
    } catch (error) {
      if (error instanceof AgentGoneError || !(error instanceof Error)) throw error;
      return error.message;
    }
  }

  /** A turn that never reached the agent leaves the session as it was. */
  private async refuse(turn: number, text: string): Promise<TurnOutcome> {
    await this.recorder.record(this.options.sessionId, [
      { draft: { type: 'log', turn, source: 'system', actor: 'system', payload: { level: 'error', text } } },
    ]);
    return { state: 'cancelled', stopReason: 'not_supported' };
  }

  private outcome(answer: PromptAnswer): TurnOutcome {
    if ('stopReason' in answer) {
      const { stopReason } = answer;
      if (this.trouble.reason !== null && stopReason === 'end_turn' && !this.isCancelling)
        return { state: 'failed', error: this.trouble.reason };
      // Some agents take a rejected permission for the end of the turn.
      if (stopReason === 'cancelled' && !this.isCancelling && this.hasRejected)
        return { state: 'cancelled', stopReason: 'permission_rejected' };
      return { state: stopReason === 'cancelled' ? 'cancelled' : 'completed', stopReason: stopReason.slice(0, 128) };
    }
    // Some agents answer a cancelled prompt with an error of theirs.
    if (this.isCancelling) return { state: 'cancelled', stopReason: 'cancelled' };
    return { state: 'failed', error: errorText(answer.error) };
  }

  /** What the records come to, in their order: text must not overtake the events before it, nor they the text. */
  private stepsOf(records: readonly SpoolRecord[]): Step[] {
    const steps: Step[] = [];
    const add = (item: Recordable) => {
      const last = steps.at(-1);
      if (last?.kind === 'events') last.items.push(item);
      else steps.push({ kind: 'events', items: [item] });
    };
    for (const record of records) {
      for (const each of this.translator.translate(record)) {
        if (each.kind === 'event') add(each);
        else steps.push({ kind: 'delta', delta: { sessionId: this.options.sessionId, ...each.delta } });
      }
      if (record.kind === 'permission') add({ draft: this.approvalOf(record) });
      if (record.kind === 'prompt-started') this.trouble.forget();
      if (record.kind === 'update') {
        this.noteMode(record.update);
        this.trouble.see(record.update);
      }
    }
    return steps;
  }

  /** Takes each step off the list when it is done, so that a repetition goes on where this one failed. */
  private async carryOut(steps: Step[]): Promise<void> {
    for (let step = steps[0]; step; step = steps[0]) {
      if (step.kind === 'events') await this.recorder.record(this.options.sessionId, step.items);
      else this.recorder.write(step.delta);
      steps.shift();
    }
  }

  /** What depends on the log being written: a decision is told to the agent only when it is durable. */
  private settle(record: SpoolRecord): void {
    if (record.kind === 'permission') {
      this.host.decide(record.requestId, this.decisions.get(record.requestId) ?? null);
      this.decisions.delete(record.requestId);
    }
    if (record.kind === 'prompt-finished') {
      this.answers.get(record.turn)?.resolve(record.answer);
      this.answers.delete(record.turn);
    }
    if (record.kind === 'exit') {
      this.answers.forEach((answer) => answer.reject(new AgentGoneError('the agent ended before it answered')));
      this.answers.clear();
    }
  }

  private approvalOf(record: SpoolRecord & { kind: 'permission' }): EventDraft {
    const { toolCallId, title } = record.request.toolCall;
    const { isAllowed, optionId, reason } = this.decisionOn(record);
    this.hasRejected ||= !isAllowed;
    this.decisions.set(record.requestId, optionId);
    return {
      id: `${this.host.id}:${record.n}.approval`,
      type: 'approval',
      turn: this.translator.currentTurn,
      source: 'system',
      actor: 'system',
      payload: {
        approvalId: `${this.host.id}:${record.n}`,
        state: 'decided',
        toolCallId,
        title: title ?? this.translator.toolCall(toolCallId)?.title ?? toolCallId,
        ...(optionId === null ? {} : { optionId }),
        by: `policy:${this.options.policy}`,
        reason,
      },
    };
  }

  private decisionOn({ request }: SpoolRecord & { kind: 'permission' }) {
    const { toolCallId, kind } = request.toolCall;
    const announced = this.translator.toolCall(toolCallId)?.kind;
    return decide(
      this.options.policy,
      [kind, announced].filter((each) => typeof each === 'string'),
      request.options,
    );
  }

  private noteMode(update: unknown): void {
    if (typeof update !== 'object' || update === null || !('sessionUpdate' in update) || update.sessionUpdate !== 'current_mode_update')
      return;
    if (!('currentModeId' in update) || typeof update.currentModeId !== 'string') return;
    this.conversation = { ...this.conversation, options: { ...this.conversation.options, currentMode: update.currentModeId } };
  }
}

/** An error of JSON-RPC for people: agents put what matters into the message, into `data`, or into `data.details`. */
export function errorText({ message, code, data }: { message: string; code: number; data?: unknown }): string {
  const details = typeof data === 'object' && data !== null && 'details' in data ? data.details : data;
  const more = typeof details === 'string' && !message.includes(details) ? `: ${details}` : '';
  return `${message}${more} (${code})`.slice(0, 4_000);
}

export const textOfFailure = (error: unknown): string =>
  error instanceof AgentRequestError ? errorText(error) : error instanceof Error ? error.message : String(error);
