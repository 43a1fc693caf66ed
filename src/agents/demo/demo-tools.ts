import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { newId } from '../../core/ids.js';
import { ToolRecord } from './conversation.store.js';
import { ToolDirective } from './directives.js';
import { PermissionGate } from './permission-gate.js';
import { SessionFeed } from './session-feed.js';
import { resolveInside } from './session-paths.js';
import { CommandResult, CommandRunner, MAX_OUTPUT_BYTES } from './shell-command.js';

const MAX_FILE_BYTES = 1024 * 1024;

type ToolCallStart = Pick<ToolRecord, 'title' | 'name' | 'kind' | 'locations' | 'rawInput'>;
/** `text` is what the agent itself reads of the result; `content` is what the client gets, by default the text. */
type ToolOutcome = Pick<ToolRecord, 'status' | 'rawOutput'> & { readonly text: string; readonly content?: ToolRecord['content'] };

/** What a turn gives to its tools. */
export interface ToolTurn {
  readonly cwd: string;
  readonly feed: SessionFeed;
  readonly gate: PermissionGate;
  readonly commands: CommandRunner;
  readonly signal: AbortSignal;
  /** Ends the turn as cancelled. */
  cancel(): void;
}

/**
 * The tools of the demo agent. Each is one tool call: `pending`, `in_progress` once it may be done, then `completed` or `failed` with
 * its content. What goes wrong fails the call, not the turn.
 */
export class DemoTools {
  constructor(private readonly turn: ToolTurn) {}

  /**
   * Does what `directive` asks and returns the text of the result.
   * @throws the signal's reason where the turn was cancelled meanwhile; the call is then reported as failed.
   */
  async use(directive: ToolDirective): Promise<string> {
    const call = toolCallOf(directive, this.turn.cwd);
    return this.perform(call, (toolCallId) => {
      switch (directive.kind) {
        case 'read':
          return this.read(toolCallId, directive.path);
        case 'write':
          return this.write(toolCallId, directive.path, directive.text);
        case 'run':
          return this.run(toolCallId, call, directive.command);
      }
    });
  }

  private async perform(call: ToolCallStart, work: (toolCallId: string) => Promise<ToolOutcome>): Promise<string> {
    const { feed, signal } = this.turn;
    const toolCallId = newId();
    await feed.send({ sessionUpdate: 'tool_call', toolCallId, status: 'pending', ...call });
    const { text, ...outcome } = await this.outcomeOf(work(toolCallId));
    const content = outcome.content ?? [{ type: 'content', content: { type: 'text', text } }];
    feed.conversation.record({ type: 'tool', toolCallId, ...call, ...outcome, content });
    await feed.send({ sessionUpdate: 'tool_call_update', toolCallId, ...outcome, content });
    signal.throwIfAborted();
    return text;
  }

  private async outcomeOf(work: Promise<ToolOutcome>): Promise<ToolOutcome> {
    try {
      return await work;
    } catch (error) {
      if (this.turn.signal.aborted) return { status: 'failed', text: 'cancelled' };
      return { status: 'failed', text: isNativeError(error) ? error.message : String(error) };
    }
  }

  private async read(toolCallId: string, path: string): Promise<ToolOutcome> {
    await this.begin(toolCallId);
    const text = readText(resolveInside(this.turn.cwd, path), path);
    if (text === null) throw new Error(`${path} does not exist`);
    return { status: 'completed', text };
  }

  private async write(toolCallId: string, path: string, newText: string): Promise<ToolOutcome> {
    await this.begin(toolCallId);
    const file = resolveInside(this.turn.cwd, path);
    const oldText = readText(file, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, newText);
    return { status: 'completed', text: `wrote ${path}`, content: [{ type: 'diff', path: file, oldText, newText }] };
  }

  private async run(toolCallId: string, call: ToolCallStart, command: string): Promise<ToolOutcome> {
    const { feed, gate, commands, cwd, signal } = this.turn;
    const permission = await gate.ask({ toolCallId, status: 'pending', ...call }, feed, signal);
    if (permission === 'cancelled') this.turn.cancel();
    signal.throwIfAborted();
    if (permission === 'rejected') return { status: 'failed', text: 'rejected: the command was not run' };
    await this.begin(toolCallId);
    const result = await commands.run(command, cwd, signal);
    signal.throwIfAborted();
    const { exitCode, isCut, isTimedOut } = result;
    return { status: exitCode === 0 ? 'completed' : 'failed', text: describeResult(result), rawOutput: { exitCode, isCut, isTimedOut } };
  }

  private async begin(toolCallId: string): Promise<void> {
    await this.turn.feed.send({ sessionUpdate: 'tool_call_update', toolCallId, status: 'in_progress' });
  }
}

/** The tool call that `directive` becomes. */
function toolCallOf(directive: ToolDirective, cwd: string): ToolCallStart {
  switch (directive.kind) {
    case 'read': {
      const { path } = directive;
      return { title: `Read ${path}`, name: 'read', kind: 'read', locations: [{ path: resolve(cwd, path) }], rawInput: { path } };
    }
    case 'write': {
      const { path, text } = directive;
      return { title: `Write ${path}`, name: 'write', kind: 'edit', locations: [{ path: resolve(cwd, path) }], rawInput: { path, text } };
    }
    case 'run': {
      const { command } = directive;
      return { title: `Run ${command}`, name: 'run', kind: 'execute', locations: [], rawInput: { command } };
    }
  }
}

/** The text of a file, or null where there is none. */
function readText(file: string, path: string): string | null {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return null;
  if (!stats.isFile()) throw new Error(`${path} is not a file`);
  if (stats.size > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES} bytes`);
  return readFileSync(file, 'utf8');
}

function describeResult({ output, isCut, isTimedOut }: CommandResult): string {
  const notes = [isCut && `[output cut at ${MAX_OUTPUT_BYTES} bytes]`, isTimedOut && '[ended: it ran into the time limit]'];
  return [output || '(no output)', ...notes.filter((note) => note !== false)].join('\n');
}
