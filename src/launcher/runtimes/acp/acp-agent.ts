import type { AgentCapabilities } from '@agentclientprotocol/sdk';
import type { NewApproval } from '../../../approvals/approval.types.js';
import { type Deferred, deferred } from '../../../core/deferred.js';
import type { AgentQuestions } from '../../agent-questions.service.js';
import { AgentGoneError, type AgentHost, AgentRequestError, type PromptAnswer, type SpoolRecord } from '../../host/agent-host.types.js';
import type { ProcessExit, RunningAgent, RuntimeCapabilities, TurnOutcome, TurnRequest } from '../../runtime.types.js';
import type { Recordable, SessionRecorder } from '../../session-recorder.service.js';
import { chooseMode, type ConversationOptions, unsupportedContent } from './acp-options.js';
import { AcpPermissions, type Permission, type PermissionOptions } from './acp-permissions.js';
import { AcpTranslator } from './acp-translator.js';
import { AgentTrouble } from './agent-trouble.js';

const CANCELLED = 'its turn was told to end';

type Step =
  | { readonly kind: 'events'; readonly items: Recordable[] }
  | Extract<Permission, { readonly kind: 'ask' }>
  | { readonly kind: 'delta'; readonly delta: Parameters<SessionRecorder['write']>[0] };

/** What opening the conversation showed. */
export interface AcpConversation {
  readonly capabilities: AgentCapabilities;
  readonly options: ConversationOptions;
}

/** An agent behind an {@link AgentHost}: takes its spool, writes the log, and has what it asks decided. */
export class AcpAgent implements RunningAgent {
  readonly exited: Promise<ProcessExit>;
  private readonly translator: AcpTranslator;
  private conversation: AcpConversation = { capabilities: {}, options: { modes: [], currentMode: null, selects: [] } };
  private readonly permissions: AcpPermissions;
  private readonly answers = new Map<number, Deferred<PromptAnswer>>();
  private readonly trouble = new AgentTrouble();
  private isCancelling = false;

  constructor(
    private readonly host: AgentHost,
    private readonly recorder: SessionRecorder,
    questions: AgentQuestions,
    private readonly options: PermissionOptions,
  ) {
    this.permissions = new AcpPermissions(host, questions, options);
    this.translator = new AcpTranslator({ hostId: host.id, actor: options.actor });
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
    this.permissions.hasRejected = false;
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
    // Before the agent knows, so that nobody's answer is taken that it will not hear. That it hears of the end matters more.
    await this.permissions.giveUp(CANCELLED).catch(() => undefined);
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
      if (stopReason === 'cancelled' && !this.isCancelling && this.permissions.hasRejected)
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
      if (record.kind === 'permission') {
        const permission = this.permissions.take(record, this.translator.currentTurn, this.isCancelling);
        if (permission.kind === 'event') add({ draft: permission.draft });
        else steps.push(permission);
      }
      if (record.kind === 'prompt-started') this.trouble.forget();
      if (record.kind === 'update') {
        this.noteMode(record.update);
        this.permissions.see(record.update);
        this.trouble.see(record.update);
      }
    }
    return steps;
  }

  /** Takes each step off the list when it is done, so that a repetition goes on where this one failed. */
  private async carryOut(steps: Step[]): Promise<void> {
    for (let step = steps[0]; step; step = steps[0]) {
      if (step.kind === 'events') await this.recorder.record(this.options.sessionId, step.items);
      else if (step.kind === 'ask') await this.ask(step.question);
      else this.recorder.write(step.delta);
      steps.shift();
    }
  }

  private async ask(question: NewApproval): Promise<void> {
    await this.permissions.ask(question);
    // It was on its way while the turn was told to end.
    if (this.isCancelling) await this.permissions.giveUp(CANCELLED);
  }

  /** What depends on the log being written: a decision is told to the agent only when it is durable. */
  private settle(record: SpoolRecord): void {
    if (record.kind === 'permission') this.permissions.settle(record);
    if (record.kind === 'prompt-finished') {
      this.answers.get(record.turn)?.resolve(record.answer);
      this.answers.delete(record.turn);
    }
    if (record.kind === 'exit') {
      this.answers.forEach((answer) => answer.reject(new AgentGoneError('the agent ended before it answered')));
      this.answers.clear();
    }
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
