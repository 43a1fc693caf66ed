import { AgentContext, RequestError, SessionModeState, StopReason } from '@agentclientprotocol/sdk';
import { newId } from '../../core/ids.js';
import { Conversation } from './conversation.js';
import { DemoTurn } from './demo-turn.js';
import { parsePrompt } from './directives.js';
import { MODES, PermissionGate } from './permission-gate.js';
import { SessionFeed } from './session-feed.js';
import { CommandRunner } from './shell-command.js';

/** What the sessions of one agent share. */
export interface SessionSurroundings {
  readonly commands: CommandRunner;
  readonly exit: (code: number) => void;
}

/** What a client says. */
export interface DemoPrompt {
  /** What the user wants. */
  readonly text: string;
  /** What only the assistant is told, as of a conversation before; maybe empty. */
  readonly context: string;
}

/** One session: a conversation, the folder it works in and at most one turn at a time. */
export class DemoSession {
  private readonly gate = new PermissionGate();
  private turn: AbortController | null = null;

  constructor(
    private readonly conversation: Conversation,
    private readonly cwd: string,
    private readonly surroundings: SessionSurroundings,
  ) {}

  get isBusy(): boolean {
    return this.turn !== null;
  }

  get modes(): SessionModeState {
    return { currentModeId: this.gate.mode, availableModes: MODES.map((mode) => ({ ...mode })) };
  }

  /** @throws RequestError where there is no such mode. */
  setMode(modeId: string): void {
    const mode = MODES.find(({ id }) => id === modeId);
    if (!mode) throw RequestError.invalidParams({ modeId }, `there is no mode ${JSON.stringify(modeId)}`);
    this.gate.mode = mode.id;
  }

  /** Stops the turn that is under way, if there is one; its prompt answers `cancelled`. */
  cancel(): void {
    this.turn?.abort();
  }

  /** Sends the earlier turns of this conversation again. */
  async replay(client: AgentContext): Promise<void> {
    await new SessionFeed(client, this.conversation).replay();
  }

  /**
   * One turn. The session is taken before the first await, so that of two prompts that arrive together the second is refused.
   * @throws RequestError where the session is busy, or the prompt says `fail:`.
   */
  async prompt({ text, context }: DemoPrompt, client: AgentContext, requestSignal: AbortSignal): Promise<StopReason> {
    const { sessionId } = this.conversation;
    if (this.turn) throw RequestError.invalidRequest({ sessionId }, `session ${sessionId} is busy with another prompt`);
    this.turn = new AbortController();
    if (context !== '') this.conversation.record({ type: 'context', text: context });
    try {
      return await this.run(text, new SessionFeed(client, this.conversation), AbortSignal.any([this.turn.signal, requestSignal]));
    } finally {
      this.turn = null;
    }
  }

  private async run(text: string, feed: SessionFeed, signal: AbortSignal): Promise<StopReason> {
    this.conversation.record({ type: 'user', messageId: newId(), text });
    const { cwd, gate, surroundings } = this;
    const turn = new DemoTurn({ cwd, feed, gate, signal, commands: surroundings.commands, cancel: () => this.cancel() }, surroundings.exit);
    try {
      await turn.follow(parsePrompt(text));
      return signal.aborted ? 'cancelled' : 'end_turn';
    } catch (error) {
      if (signal.aborted) return 'cancelled';
      throw error;
    } finally {
      await feed.sendUsage();
    }
  }
}
