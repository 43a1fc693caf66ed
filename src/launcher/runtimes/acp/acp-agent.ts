import type { NewApproval } from '../../../approvals/approval.types.js';
import { type Deferred, deferred } from '../../../core/deferred.js';
import type { AgentQuestions } from '../../agent-questions.service.js';
import type { SpoolPosition } from '../../host-positions.service.js';
import { AgentGoneError, type AgentHost, type PromptAnswer, type SpoolRecord } from '../../host/agent-host.types.js';
import type { ProcessExit, RunningAgent, RuntimeCapabilities, TurnOutcome, TurnRequest } from '../../runtime.types.js';
import type { Recordable, SessionRecorder } from '../../session-recorder.service.js';
import { type AcpConversation, chooseMode, modeIn, unsupportedContent } from './acp-options.js';
import { type AcpState, type Bookmark, Bookmarks, remembered } from './acp-bookmark.js';
import { AcpPermissions, type Permission, type PermissionOptions } from './acp-permissions.js';
import { AcpTranslator } from './acp-translator.js';
import { outcomeOf } from './acp-outcome.js';
import { AgentTrouble } from './agent-trouble.js';

const CANCELLED = 'its turn was told to end';

export interface AcpAgentOptions extends PermissionOptions {
  /** It goes on with an earlier conversation: what that cost was counted then. */
  readonly isResumed?: boolean;
  /** `position` is to be stored with the event of this id. */
  readonly expect: (eventId: string, position: SpoolPosition) => void;
  /** All that was expected is stored; gives back the record behind which reading would begin again now. */
  readonly settled: () => number;
  /** What an earlier life of this server knew, where the agent is taken up again. */
  readonly known?: { readonly state: AcpState | null; readonly conversation: AcpConversation };
}

/** What is stored with the event of this id. */
interface Mark {
  readonly eventId: string;
  readonly bookmark: Bookmark;
}

type Step =
  | { readonly kind: 'events'; readonly items: Recordable[]; mark?: Mark }
  | (Extract<Permission, { readonly kind: 'ask' }> & { mark?: Mark })
  | { readonly kind: 'delta'; readonly delta: Parameters<SessionRecorder['write']>[0] };

/** An agent behind an {@link AgentHost}: takes its spool, writes the log, and has what it asks decided. */
export class AcpAgent implements RunningAgent {
  readonly exited: Promise<ProcessExit>;
  private readonly translator: AcpTranslator;
  private conversation: AcpConversation = { capabilities: {}, options: { modes: [], currentMode: null, selects: [] } };
  private readonly permissions: AcpPermissions;
  private readonly answers = new Map<number, Deferred<PromptAnswer>>();
  private readonly trouble = new AgentTrouble();
  private readonly bookmarks = new Bookmarks();
  private isCancelling = false;
  private lastTurn: number;
  private finished: AcpState['finished'] = null;
  private onPrompted: (turn: number) => void = () => undefined;

  constructor(
    private readonly host: AgentHost,
    private readonly recorder: SessionRecorder,
    questions: AgentQuestions,
    private readonly options: AcpAgentOptions,
  ) {
    this.permissions = new AcpPermissions(host, questions, options);
    this.translator = new AcpTranslator({ hostId: host.id, actor: options.actor, isResumed: options.isResumed });
    this.exited = host.exited;
    this.lastTurn = host.lastTurn;
    if (options.known) this.restore(options.known);
    // Translating is stateful and must happen once, also where storing has to be repeated.
    let pending: { first: number; steps: Step[] } | undefined;
    host.attach(async (records) => {
      if (pending?.first !== records[0]?.n) pending = { first: records[0]?.n ?? 0, steps: this.stepsOf(records) };
      await this.carryOut(pending?.steps ?? []);
      pending = undefined;
      records.forEach((record) => this.settle(record));
      return options.settled() + 1;
    });
  }

  get capabilities(): RuntimeCapabilities {
    const { loadSession, sessionCapabilities } = this.conversation.capabilities;
    return { interrupt: true, resume: loadSession === true || Boolean(sessionCapabilities?.resume) };
  }

  opened(conversation: AcpConversation): void {
    this.conversation = conversation;
  }

  async prompt(request: TurnRequest): Promise<TurnOutcome> {
    const { turn, content, onDelivered } = request;
    let isDelivered = false;
    this.onPrompted = (prompted) => {
      if (prompted === turn && !isDelivered) onDelivered();
      isDelivered ||= prompted === turn;
    };
    // A turn that an earlier life of this server began goes on; its prompt is not sent twice.
    const refusal = turn <= this.lastTurn ? null : await this.prepare(request);
    if (refusal !== null) return this.refuse(turn, `${refusal}: the prompt was not sent`);
    const answer = this.answerTo(turn);
    const gone = this.exited.then(() => Promise.reject(new AgentGoneError('the agent is gone')));
    // Rejected where the agent ends before its answer; then this call may be waiting elsewhere.
    gone.catch(() => undefined);
    answer.promise.catch(() => undefined);
    try {
      await this.host.prompt(turn, content);
      this.onPrompted(turn);
      if (this.isCancelling) await this.host.cancel();
    } catch (error) {
      // What it still said comes through the spool.
      if (!(error instanceof AgentGoneError)) throw error;
    }
    return this.outcome(await Promise.race([answer.promise, gone]));
  }

  /** Why the prompt can not be sent, or null. */
  private async prepare({ content, agentMode }: TurnRequest): Promise<string | null> {
    const unsupported = unsupportedContent(this.conversation.capabilities, content);
    if (unsupported !== null) return `the agent takes no content of the kind ${unsupported}`;
    this.isCancelling = false;
    this.permissions.hasRejected = false;
    return agentMode === null ? null : this.changeMode(agentMode);
  }

  async leave(): Promise<void> {
    this.permissions.close();
    await this.host.leave();
    this.answers.forEach((answer) => answer.reject(new AgentGoneError('the agent is left to itself')));
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
    const isCancelling = this.isCancelling || answer.isCancelled === true;
    return outcomeOf(answer, { isCancelling, hasRejected: this.permissions.hasRejected, trouble: this.trouble.reason });
  }

  /** What the records come to, in their order: text must not overtake the events before it, nor they the text. */
  private stepsOf(records: readonly SpoolRecord[]): Step[] {
    const steps: Step[] = [];
    for (const record of records) {
      let eventId: string | undefined;
      const add = (item: Recordable) => {
        const last = steps.at(-1);
        if (last?.kind === 'events') last.items.push(item);
        else steps.push({ kind: 'events', items: [item] });
        eventId = item.draft.id;
      };
      for (const each of this.translator.translate(record)) {
        if (each.kind === 'event') add(each);
        else steps.push({ kind: 'delta', delta: { sessionId: this.options.sessionId, ...each.delta } });
      }
      if (record.kind === 'permission') {
        const permission = this.permissionOf(record);
        if (permission.kind === 'event') add({ draft: permission.draft });
        else steps.push(permission);
        eventId = permission.eventId;
      }
      this.note(record);
      this.bookmarks.passed(record.n, this.translator.openSince, () => this.state());
      // The end itself is told again to whoever comes after us.
      if (eventId !== undefined && record.kind !== 'exit') this.mark(steps, record.n, eventId);
    }
    for (const step of steps) {
      if (step.kind === 'delta' || !step.mark) continue;
      const { takenN, resumeN, state } = step.mark.bookmark;
      this.options.expect(step.mark.eventId, { takenN, resumeN, state: JSON.stringify(state) });
    }
    return steps;
  }

  private mark(steps: readonly Step[], n: number, eventId: string): void {
    const last = steps.findLast((step) => step.kind !== 'delta');
    if (last) last.mark = { eventId, bookmark: this.bookmarks.at(n, last === steps.at(-1), () => this.state()) };
  }

  private note(record: SpoolRecord): void {
    if (record.kind === 'prompt-started') {
      this.trouble.forget();
      this.lastTurn = record.turn;
      this.finished = null;
    }
    if (record.kind === 'prompt-finished') this.finished = remembered(record);
    if (record.kind === 'update') {
      const currentMode = modeIn(record.update);
      if (currentMode !== null) this.conversation = { ...this.conversation, options: { ...this.conversation.options, currentMode } };
      this.permissions.see(record.update);
      this.trouble.see(record.update);
    }
  }

  private state(): AcpState {
    const { permissions, lastTurn, finished, translator, trouble } = this;
    const { currentMode } = this.conversation.options;
    return {
      ...{ ...permissions.state, lastTurn, finished, currentMode },
      ...{ translator: translator.state, trouble: trouble.state },
    };
  }

  private restore({ state, conversation }: NonNullable<AcpAgentOptions['known']>): void {
    this.conversation = conversation;
    if (!state) return;
    const { translator, trouble, currentMode, lastTurn, finished } = state;
    this.conversation = { ...conversation, options: { ...conversation.options, currentMode } };
    this.translator.restore(translator);
    this.trouble.restore(trouble);
    this.lastTurn = Math.max(this.lastTurn, lastTurn);
    this.finished = finished;
    if (finished) this.answerTo(finished.turn).resolve(finished.answer);
    this.permissions.restore(state);
  }

  private answerTo(turn: number): Deferred<PromptAnswer> {
    const answer = this.answers.get(turn) ?? deferred<PromptAnswer>();
    this.answers.set(turn, answer);
    return answer;
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

  private permissionOf(record: SpoolRecord & { kind: 'permission' }): Permission {
    const known = this.translator.toolCall(record.request.toolCall.toolCallId);
    return this.permissions.take(record, { turn: this.translator.currentTurn, known, isCancelling: this.isCancelling });
  }

  /** What depends on the log being written: a decision is told to the agent only when it is durable. */
  private settle(record: SpoolRecord): void {
    if (record.kind === 'permission') this.permissions.settle(record);
    if (record.kind === 'prompt-started') {
      for (const turn of this.answers.keys()) if (turn < record.turn) this.answers.delete(turn);
      this.onPrompted(record.turn);
    }
    if (record.kind === 'prompt-finished') this.answerTo(record.turn).resolve(record.answer);
    if (record.kind === 'exit') {
      this.answers.forEach((answer) => answer.reject(new AgentGoneError('the agent ended before it answered')));
      this.answers.clear();
    }
  }
}
