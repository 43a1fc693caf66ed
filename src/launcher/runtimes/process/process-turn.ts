import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentProfile } from '../../../agents/agent-profile.types.js';
import { type Line, LineSplitter, shown } from '../../../core/process/line-splitter.js';
import { LineTail } from '../../../core/process/line-tail.js';
import { isErrno } from '../../../core/process/proc-stat.js';
import { endGroup } from '../../../core/process/process-group.js';
import { type ProcessGroup } from '../../../core/process/spawn-group.js';
import { lastLines } from '../../launcher.errors.js';
import type { ProcessExit, TurnOutcome } from '../../runtime.types.js';
import { ClaudeStream } from './claude-stream.js';
import { CodexStream } from './codex-stream.js';
import { logEvent, type StreamEvent, type StreamTranslator } from './stream-translator.js';

/** Longer lines are cut: as much of one is in memory. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
/** Events that are handed to the log at once: one piece of output can hold 32,000 lines. */
const BATCH = 500;
/** What a dead program wrote last arrives in this time; children of it may hold the pipe open for ever. */
const LAST_WORDS_MS = 500;

const TRANSLATORS: Readonly<Record<AgentProfile['output'], (() => StreamTranslator) | null>> = {
  text: null,
  'claude-stream-json': () => new ClaudeStream(),
  'codex-json': () => new CodexStream(),
};

export interface ProcessTurnOptions {
  readonly output: AgentProfile['output'];
  readonly stopGraceMs: number;
  /** Tells processes that the program started, wherever they are by now. */
  readonly belongs?: (pid: number) => boolean;
  /** Stores events, in order; the program is not read on while it waits. */
  readonly record: (events: readonly StreamEvent[]) => Promise<void>;
}

/** One run of a program, for one turn. */
export class ProcessTurn {
  private readonly tail = new LineTail();
  private readonly translator: StreamTranslator | null;
  private isInterrupted = false;
  private ending: Promise<void> | undefined;
  /** Pieces of output so far, and how many of them are being stored. */
  private heard = 0;
  private storing = 0;

  constructor(
    private readonly group: ProcessGroup,
    private readonly options: ProcessTurnOptions,
  ) {
    this.translator = TRANSLATORS[options.output]?.() ?? null;
  }

  get agentSessionId(): string | null {
    return this.translator?.agentSessionId ?? null;
  }

  /** Reads all the program says, until its whole group has ended. */
  async run(): Promise<TurnOutcome> {
    const outputs = Promise.all([
      this.read(this.group.stdout, (line) => this.understand(line)),
      this.read(this.group.stderr, (line) => this.hear(line)),
    ]);
    outputs.catch(() => undefined);
    const exit = await this.group.exited;
    const isRead = await this.isHeardOut(outputs);
    await this.end();
    // Whatever held the output open is gone now; what is in the pipe is still read.
    if (!isRead) await this.isHeardOut(outputs);
    for (const stream of [this.group.stdout, this.group.stderr, this.group.stdin]) stream.destroy();
    await outputs;
    return this.outcome({ ...exit, stderr: this.tail.text });
  }

  /** True at the end of the output; false where nothing came and nothing was being stored for a while: somebody else holds it open. */
  private async isHeardOut(outputs: Promise<unknown>): Promise<boolean> {
    const over = outputs.then(() => true);
    for (;;) {
      const before = this.heard;
      if (await Promise.race([over, sleep(LAST_WORDS_MS, false)])) return true;
      if (this.heard === before && this.storing === 0) return false;
    }
  }

  async interrupt(): Promise<void> {
    this.isInterrupted = true;
    await this.end();
  }

  /** Once, and awaited by {@link run}: nothing of this turn looks for processes when the next one starts its own. */
  private end(): Promise<void> {
    this.ending ??= this.endAll();
    return this.ending;
  }

  private async endAll(): Promise<void> {
    const { survivors } = await endGroup(this.group, { graceMs: this.options.stopGraceMs, belongs: this.options.belongs });
    if (survivors.length > 0) await this.options.record([logEvent('error', `processes that can not be ended: ${survivors.join(', ')}`)]);
  }

  /** Takes the next piece of output when the last one is stored: a program that says more than the log takes waits in its own writing. */
  private async read(stream: Readable, understand: (line: Line) => StreamEvent[]): Promise<void> {
    const splitter = new LineSplitter(MAX_LINE_BYTES);
    const chunks: AsyncIterable<Buffer> = stream;
    try {
      for await (const chunk of chunks) {
        this.heard += 1;
        await this.store(splitter.push(chunk).flatMap(understand));
      }
    } catch (error) {
      // Closed by us, because somebody outside of the group held it open.
      if (!isErrno(error, 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
    }
    await this.store(splitter.flush().flatMap(understand));
  }

  private async store(events: readonly StreamEvent[]): Promise<void> {
    this.storing += 1;
    try {
      for (let at = 0; at < events.length; at += BATCH) await this.options.record(events.slice(at, at + BATCH));
    } finally {
      this.storing -= 1;
    }
  }

  private understand(line: Line): StreamEvent[] {
    if (line.text.trim() === '') return [];
    const record = this.translator && line.dropped === 0 ? recordOf(line.text) : null;
    if (this.translator && record) return this.translator.translate(record);
    return [{ type: 'log', payload: { level: 'info', text: shown(line), stream: 'stdout' } }];
  }

  private hear(line: Line): StreamEvent[] {
    this.tail.push(line.text);
    return line.text.trim() === '' ? [] : [{ type: 'log', payload: { level: 'warn', text: shown(line), stream: 'stderr' } }];
  }

  /** The last record decides, where there are records: exit code 0 alone is not success then. */
  private outcome(exit: ProcessExit): TurnOutcome {
    if (this.isInterrupted) return { state: 'cancelled', stopReason: 'cancelled', exit };
    const verdict = this.translator?.verdict;
    if (verdict && !verdict.isSuccess) return { state: 'failed', error: verdict.error ?? 'the agent reported a failure', exit };
    if (exit.code !== 0)
      return { state: 'failed', error: `the command ended with ${exit.signal ?? `code ${exit.code}`}${lastLines(exit.stderr)}`, exit };
    if (this.translator && !verdict)
      return { state: 'failed', error: `the command ended without telling a result${lastLines(exit.stderr)}`, exit };
    return { state: 'completed', stopReason: verdict?.stopReason ?? 'end_turn', exit };
  }
}

function recordOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null;
  }
}
