import { type Deferred, deferred } from '../../../core/deferred.js';
import type { EventDraft } from '../../../events/event-log.types.js';
import type { PermissionPolicy } from '../../../sessions/session.types.js';
import type { SpoolPosition } from '../../host-positions.service.js';
import { AgentGoneError, type AgentHost, type PromptAnswer, type SpoolRecord } from '../../host/agent-host.types.js';
import type { ProcessExit, RunningAgent, RuntimeCapabilities, TurnOutcome, TurnRequest } from '../../runtime.types.js';
import type { Recordable, SessionRecorder } from '../../session-recorder.service.js';
import { type AcpConversation, chooseMode, modeIn, unsupportedContent } from './acp-options.js';
import { type AcpState, type Bookmark, Bookmarks, remembered } from './acp-bookmark.js';
import { AcpTranslator } from './acp-translator.js';
import { outcomeOf } from './acp-outcome.js';
import { AgentTrouble } from './agent-trouble.js';
import { decide } from './permission-policy.js';

export interface AcpAgentOptions {
  readonly sessionId: string;
  readonly policy: PermissionPolicy;
  /** Id of the agent's principal, the `actor` of its events. */
  readonly actor: string;
  /** It goes on with an earlier conversation: what that cost was counted then. */
  readonly isResumed?: boolean;
  /** `position` is to be stored with the event of this id. */
  readonly expect: (eventId: string, position: SpoolPosition) => void;
  /** All that was expected is stored; gives back the record behind which reading would begin again now. */
  readonly settled: () => number;
  /** What an earlier life of this server knew, where the agent is taken up again. */
  readonly known?: { readonly state: AcpState | null; readonly conversation: AcpConversation };
}

type Step =
  | { readonly kind: 'events'; readonly items: Recordable[]; mark?: { readonly eventId: string; readonly bookmark: Bookmark } }
  | { readonly kind: 'delta'; readonly delta: Parameters<SessionRecorder['write']>[0] };

/** An agent behind an {@link AgentHost}: takes its spool, writes the log, and answers what it asks by the session's policy. */
export class AcpAgent implements RunningAgent {
  readonly exited: Promise<ProcessExit>;
  private readonly translator: AcpTranslator;
  private conversation: AcpConversation = { capabilities: {}, options: { modes: [], currentMode: null, selects: [] } };
  private readonly decisions = new Map<string, string | null>();
  private readonly answers = new Map<number, Deferred<PromptAnswer>>();
  private readonly trouble = new AgentTrouble();
  private readonly bookmarks = new Bookmarks();
  private isCancelling = false;
  private hasRejected = false;
  private lastTurn: number;
  private finished: AcpState['finished'] = null;
  private onPrompted: (turn: number) => void = () => undefined;

  constructor(
    private readonly host: AgentHost,
    private readonly recorder: SessionRecorder,
    private readonly options: AcpAgentOptions,
  ) {
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
    this.hasRejected = false;
    return agentMode === null ? null : this.changeMode(agentMode);
  }

  async leave(): Promise<void> {
    await this.host.leave();
    this.answers.forEach((answer) => answer.reject(new AgentGoneError('the agent is left to itself')));
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
    const isCancelling = this.isCancelling || answer.isCancelled === true;
    return outcomeOf(answer, { isCancelling, hasRejected: this.hasRejected, trouble: this.trouble.reason });
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
      if (record.kind === 'permission') add({ draft: this.approvalOf(record) });
      this.note(record);
      this.bookmarks.passed(record.n, this.translator.openSince, () => this.state());
      // The end itself is told again to whoever comes after us.
      if (eventId !== undefined && record.kind !== 'exit') this.mark(steps, record.n, eventId);
    }
    for (const step of steps) {
      if (step.kind !== 'events' || !step.mark) continue;
      const { takenN, resumeN, state } = step.mark.bookmark;
      this.options.expect(step.mark.eventId, { takenN, resumeN, state: JSON.stringify(state) });
    }
    return steps;
  }

  private mark(steps: readonly Step[], n: number, eventId: string): void {
    const last = steps.findLast((step) => step.kind === 'events');
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
      this.trouble.see(record.update);
    }
  }

  private state(): AcpState {
    const { hasRejected, lastTurn, finished, translator, trouble } = this;
    const { currentMode } = this.conversation.options;
    return {
      ...{ hasRejected, lastTurn, finished, currentMode, decisions: [...this.decisions] },
      ...{ translator: translator.state, trouble: trouble.state },
    };
  }

  private restore({ state, conversation }: NonNullable<AcpAgentOptions['known']>): void {
    this.conversation = conversation;
    if (!state) return;
    const { translator, trouble, hasRejected, currentMode, lastTurn, finished, decisions } = state;
    this.conversation = { ...conversation, options: { ...conversation.options, currentMode } };
    this.translator.restore(translator);
    this.trouble.restore(trouble);
    this.hasRejected = hasRejected;
    this.lastTurn = Math.max(this.lastTurn, lastTurn);
    this.finished = finished;
    if (finished) this.answerTo(finished.turn).resolve(finished.answer);
    for (const [requestId, optionId] of decisions) this.tell(requestId, optionId);
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
      else this.recorder.write(step.delta);
      steps.shift();
    }
  }

  /** What depends on the log being written: a decision is told to the agent only when it is durable. */
  private settle(record: SpoolRecord): void {
    if (record.kind === 'permission') {
      this.tell(record.requestId, this.decisions.get(record.requestId) ?? null);
      this.decisions.delete(record.requestId);
    }
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

  /** An agent that is gone needs no answer. */
  private tell(requestId: string, optionId: string | null): void {
    this.host.decide(requestId, optionId).catch(() => undefined);
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
}
