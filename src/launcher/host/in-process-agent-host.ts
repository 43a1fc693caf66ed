import {
  client,
  type ClientConnection,
  methods,
  PROTOCOL_VERSION,
  RequestError,
  type RequestPermissionResponse,
} from '@agentclientprotocol/sdk';
import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../../core/deferred.js';
import { type Line, shown } from '../../core/process/line-splitter.js';
import { LineTail } from '../../core/process/line-tail.js';
import type { ProcessGroup } from '../../core/process/spawn-group.js';
import { answerOf, descriptionOf, textOrNull } from './acp-answers.js';
import { acpStream, isRecord, type RawMessage, type WireObserver } from './acp-wire.js';
import {
  type AgentCommands,
  type AgentDescription,
  AgentGoneError,
  AgentRequestError,
  type ConversationRequest,
  type HostExit,
  type OpenedConversation,
  type PromptBlock,
} from './agent-host.types.js';
import { AgentProcesses, type EndingOptions } from './agent-processes.js';
import type { Spool } from './spool.js';
import { readStderr } from './stderr-reader.js';

/** How long what a dead agent wrote last may take to arrive; children of it may hold the pipe open for ever. */
const LAST_WORDS_MS = 500;
/** Text outside of a prompt is whole after this much silence. */
const QUIET_MS = 500;

export interface HostOptions extends EndingOptions {
  readonly spool: Spool;
  /** For those who look for a fault in an agent; nothing here needs a person. */
  readonly debug: (facts: Readonly<Record<string, unknown>>) => void;
}

/** A prompt that was written and not answered yet. */
interface OpenPrompt {
  readonly turn: number;
  requestId: unknown;
  isCancelled: boolean;
  readonly writing: Promise<void>;
  readonly written: () => void;
  readonly answered: Promise<void>;
  readonly answer: () => void;
}

/** An agent that is a child of this process, over its standard streams. What happens goes into the spool. */
export class InProcessAgentHost implements AgentCommands, WireObserver {
  readonly process: { readonly pid: number; readonly startedAt: number };
  /** Resolves when the whole group is gone, and all that was said before is in the spool. */
  readonly exited: Promise<HostExit>;
  private readonly spool: Spool;
  private readonly tail = new LineTail();
  private readonly connection: ClientConnection;
  /** Ids of our requests that are not answered yet. */
  private readonly asked = new Set<unknown>();
  private readonly permissions = new Map<string, (response: RequestPermissionResponse) => void>();
  private sessionId: string | undefined;
  private prompting: OpenPrompt | undefined;
  private turn = 0;
  /** Id of the request whose answer ends a replay; `true` until it is sent. */
  private replay: { requestId?: unknown } | undefined;
  private quiet: NodeJS.Timeout | undefined;
  private readonly processes: AgentProcesses;
  private parting: Promise<void> | undefined;

  constructor(
    private readonly group: ProcessGroup,
    private readonly options: HostOptions,
  ) {
    this.process = { pid: group.pid, startedAt: group.startedAt };
    this.processes = new AgentProcesses(group, options);
    this.spool = options.spool;
    const stderr = readStderr(group.stderr, this.tail, (text) => this.spool.push({ kind: 'output', stream: 'stderr', text }));
    // The SDK asks its handlers one after the other, an await each: the one that must keep its place comes first.
    this.connection = client({ name: 'muster' })
      .onRequest(methods.client.session.requestPermission, ({ params, requestId }) => {
        const key = JSON.stringify(requestId);
        this.spool.push({ kind: 'permission', requestId: key, request: params });
        return new Promise<RequestPermissionResponse>((resolve) => this.permissions.set(key, resolve));
      })
      .onRequest('*', ({ method }) => {
        options.debug({ msg: 'the agent asked for what is not offered', method });
        throw RequestError.methodNotFound(method);
      })
      .onNotification('*', ({ method }) => options.debug({ msg: 'a notification of the agent was not understood', method }))
      .connect(acpStream(group.stdin, group.stdout, this));
    this.exited = this.watch(stderr);
  }

  get lastTurn(): number {
    return this.turn;
  }

  async initialize(): Promise<AgentDescription> {
    const answer = await this.request(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      clientInfo: { name: 'muster', title: 'Muster', version: '1' },
    });
    return descriptionOf(answer);
  }

  async newConversation(request: ConversationRequest): Promise<OpenedConversation> {
    const answer = await this.request(methods.agent.session.new, { ...request });
    const sessionId = isRecord(answer) ? textOrNull(answer['sessionId']) : null;
    if (sessionId === null) throw new AgentRequestError(methods.agent.session.new, 0, 'its answer to session/new has no sessionId');
    this.sessionId = sessionId;
    return { ...(isRecord(answer) ? answer : {}), sessionId };
  }

  async resumeConversation(sessionId: string, how: 'resume' | 'load', request: ConversationRequest): Promise<OpenedConversation> {
    this.sessionId = sessionId;
    this.replay = {};
    try {
      const answer = await this.request(how === 'load' ? methods.agent.session.load : methods.agent.session.resume, {
        sessionId,
        ...request,
      });
      return { ...(isRecord(answer) ? answer : {}), sessionId };
    } finally {
      this.replay = undefined;
    }
  }

  async setMode(modeId: string): Promise<void> {
    await this.request(methods.agent.session.setMode, { sessionId: this.sessionId, modeId });
  }

  async setConfigOption(configId: string, value: string): Promise<void> {
    await this.request(methods.agent.session.setConfigOption, { sessionId: this.sessionId, configId, value });
  }

  async prompt(turn: number, content: readonly PromptBlock[]): Promise<void> {
    if (turn <= this.turn) return this.prompting?.turn === turn ? this.prompting.writing : undefined;
    if (this.connection.signal.aborted) throw new AgentGoneError('the agent is gone');
    if (this.prompting) throw new Error('a prompt is under way already');
    const written = deferred();
    const answered = deferred();
    this.turn = turn;
    this.prompting = {
      turn,
      requestId: undefined,
      isCancelled: false,
      writing: written.promise,
      written: written.resolve,
      answered: answered.promise,
      answer: answered.resolve,
    };
    clearTimeout(this.quiet);
    this.processes.watch();
    this.spool.push({ kind: 'prompt-started', turn, text: content.map(({ text }) => (typeof text === 'string' ? text : '')).join('') });
    const response = this.request(methods.agent.session.prompt, { sessionId: this.sessionId, prompt: content });
    // The answer itself is taken off the wire, in its place among the updates; here only the end of the connection matters.
    await Promise.race([written.promise, response]);
    response.catch((error: unknown) => this.options.debug({ msg: 'a prompt was not answered with success', err: error }));
  }

  async cancel(): Promise<void> {
    for (const requestId of this.permissions.keys()) this.answer(requestId, null);
    if (!this.prompting || this.connection.signal.aborted) return;
    this.prompting.isCancelled = true;
    await this.connection.agent.notify(methods.agent.session.cancel, { sessionId: this.sessionId ?? '' }).catch((error: unknown) => {
      this.options.debug({ msg: 'a cancellation could not be sent', err: error });
    });
  }

  async decide(requestId: string, optionId: string | null): Promise<void> {
    this.answer(requestId, optionId);
  }

  private answer(requestId: string, optionId: string | null): void {
    const answer = this.permissions.get(requestId);
    this.permissions.delete(requestId);
    answer?.({ outcome: optionId === null ? { outcome: 'cancelled' } : { outcome: 'selected', optionId } });
  }

  /** Ends the whole process group, verified. */
  async stop(): Promise<HostExit> {
    this.parting ??= this.processes.part(() => this.comeToRest());
    await this.parting;
    await this.processes.end();
    return this.exited;
  }

  private async comeToRest(): Promise<void> {
    const { prompting } = this;
    if (!prompting) return;
    await this.cancel();
    await prompting.answered;
  }

  received(message: RawMessage): boolean {
    if (message['method'] === methods.client.session.update && !('id' in message)) {
      this.updated(message['params']);
      return true;
    }
    if ('method' in message) return false;
    if (!this.asked.delete(message['id'])) {
      this.options.debug({ msg: 'an answer of the agent to no question', id: message['id'] });
      return true;
    }
    if (this.replay && message['id'] === this.replay.requestId) this.replay = undefined;
    if (this.prompting && message['id'] === this.prompting.requestId) this.finished(this.prompting, message);
    return false;
  }

  sending(message: RawMessage): void {
    const { method, id } = message;
    if (method !== undefined && id !== undefined) this.asked.add(id);
    if (method === methods.agent.session.prompt && this.prompting) this.prompting.requestId = id;
    if ((method === methods.agent.session.load || method === methods.agent.session.resume) && this.replay) this.replay.requestId = id;
  }

  sent({ method }: RawMessage): void {
    if (method === methods.agent.session.prompt) this.prompting?.written();
  }

  noise(line: Line): void {
    this.spool.push({ kind: 'output', stream: 'stdout', text: shown(line) });
  }

  room(): Promise<void> {
    return this.spool.room();
  }

  private updated(params: unknown): void {
    const { sessionId, update } = isRecord(params) ? params : {};
    if (this.replay) return;
    if (this.sessionId !== undefined && sessionId !== this.sessionId)
      return this.options.debug({ msg: 'an update of another conversation', sessionId });
    this.spool.push({ kind: 'update', update });
    clearTimeout(this.quiet);
    if (!this.prompting) this.quiet = setTimeout(() => this.spool.push({ kind: 'quiet' }), QUIET_MS).unref();
  }

  private finished({ turn, answer, isCancelled }: OpenPrompt, message: RawMessage): void {
    this.prompting = undefined;
    this.processes.unwatch();
    for (const requestId of this.permissions.keys()) this.answer(requestId, null);
    this.spool.push({ kind: 'prompt-finished', turn, answer: { ...answerOf(message), ...(isCancelled ? { isCancelled } : {}) } });
    answer();
  }

  private async request(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    try {
      return await this.connection.agent.request<unknown>(method, params);
    } catch (error) {
      if (error instanceof RequestError) throw new AgentRequestError(method, error.code, error.message, error.data);
      throw new AgentGoneError(`the agent is gone: ${method} was not answered`, { cause: error });
    }
  }

  /** Sees to it that the end is one: of the whole group, with all that was said before it, told once. */
  private async watch(stderr: Promise<void>): Promise<HostExit> {
    // An agent that hangs up without ending can never be heard again.
    const hungUp = this.connection.closed.then(() => Promise.race([this.group.exited, sleep(LAST_WORDS_MS, undefined, { ref: false })]));
    let isGone = false;
    let hasHungUp = false;
    void hungUp.then(() => {
      hasHungUp = !isGone && !this.processes.isEnding;
      return this.processes.end();
    });
    const exit = await this.group.exited;
    isGone = true;
    const read = Promise.all([this.connection.closed, stderr]);
    await this.hearOut(read);
    const { survivors } = await this.processes.end();
    this.processes.closeStreams();
    await read;
    clearTimeout(this.quiet);
    this.processes.unwatch();
    const ended: HostExit = { ...exit, stderr: this.tail.text, survivors, ...(hasHungUp ? { hasHungUp } : {}) };
    this.prompting = undefined;
    this.spool.push({ kind: 'exit', ...ended });
    return ended;
  }

  /** Until the output ends, or nothing comes for a while although it is read: then somebody else holds it open. */
  private async hearOut(read: Promise<unknown>): Promise<void> {
    const over = read.then(() => true);
    for (let before = -1; before !== this.spool.last || this.spool.isFull;) {
      before = this.spool.last;
      if (await Promise.race([over, sleep(LAST_WORDS_MS, false)])) return;
    }
  }
}
