import { setTimeout } from 'node:timers/promises';
import { PlanEntry, RequestError } from '@agentclientprotocol/sdk';
import { DemoTools, ToolTurn } from './demo-tools.js';
import { Directive, isToolDirective, ToolDirective } from './directives.js';
import { piecesOf } from './session-feed.js';

const DOT_MS = 500;
/** JSON-RPC 2.0: internal error. */
const INTERNAL_ERROR = -32603;

/** One prompt and all that follows from it. */
export class DemoTurn {
  private readonly tools: DemoTools;
  private plan: PlanEntry[] = [];
  private toolsUsed = 0;
  private lastResult: string | null = null;

  constructor(
    private readonly turn: ToolTurn,
    /** Ends the process. */
    private readonly exit: (code: number) => void,
  ) {
    this.tools = new DemoTools(turn);
  }

  /**
   * Follows the directives in order, then says what the last tool gave.
   * @throws RequestError for `fail:`, and the signal's reason when the turn is cancelled.
   */
  async follow(directives: readonly Directive[]): Promise<void> {
    const toolDirectives = directives.filter(isToolDirective);
    if (toolDirectives.length > 1) this.plan = toolDirectives.map(planEntryOf);
    await this.sendPlan();
    for (const directive of directives) {
      this.turn.signal.throwIfAborted();
      await (isToolDirective(directive) ? this.useTool(directive) : this.answer(directive));
    }
    await this.sendPlan();
    if (this.lastResult !== null) await this.say(`done: ${this.lastResult.split('\n', 1)[0]}`);
  }

  private async useTool(directive: ToolDirective): Promise<void> {
    await this.sendPlan('in_progress');
    this.lastResult = await this.tools.use(directive);
    this.toolsUsed += 1;
  }

  private async answer(directive: Exclude<Directive, ToolDirective>): Promise<void> {
    const { feed, signal } = this.turn;
    switch (directive.kind) {
      case 'say':
        return this.say(directive.text);
      case 'think':
        return feed.stream('thought', piecesOf(directive.text), signal);
      case 'echo':
        return this.say(`echo: ${directive.text}`);
      case 'recall':
        return this.say(`recall: ${feed.conversation.firstPrompt ?? ''}`);
      case 'slow':
        return feed.stream('agent', dots(directive.seconds * 1000, signal), signal);
      case 'fail':
        throw new RequestError(INTERNAL_ERROR, directive.message);
      case 'exit':
        return this.exit(directive.code);
    }
  }

  private async say(text: string): Promise<void> {
    await this.turn.feed.stream('agent', piecesOf(text), this.turn.signal);
  }

  /** Sends the plan, if the turn has one: tools used are completed, the one after them has the given status. */
  private async sendPlan(next: PlanEntry['status'] = 'pending'): Promise<void> {
    if (this.plan.length === 0) return;
    this.plan = this.plan.map((entry, index) => ({ ...entry, status: statusOf(index - this.toolsUsed, next) }));
    await this.turn.feed.send({ sessionUpdate: 'plan', entries: this.plan });
  }
}

function statusOf(distance: number, next: PlanEntry['status']): PlanEntry['status'] {
  if (distance === 0) return next;
  return distance < 0 ? 'completed' : 'pending';
}

function planEntryOf(directive: ToolDirective): PlanEntry {
  const object = directive.kind === 'run' ? directive.command : directive.path;
  return { content: `${directive.kind} ${object}`, priority: 'medium', status: 'pending' };
}

/** A dot after each half second, and one after what remains. Rejects when `signal` fires. */
async function* dots(totalMs: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let left = totalMs; left > 0; left -= DOT_MS) {
    await setTimeout(Math.min(left, DOT_MS), undefined, { signal });
    yield '.';
  }
}
