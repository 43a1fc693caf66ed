/** Prints the frames of one session for people: text as it streams, everything else in a line. */
import { blue, bold, cyan, dim, green, magenta, oneLine, printable, red, yellow } from './terminal.mjs';

const MARKS = { read: '◦', edit: '✎', execute: '$', search: '⌕', delete: '✗', fetch: '⇣' };
const PLAN_MARKS = { completed: '✓', in_progress: '▸', pending: '·' };
const textOf = (content) => (content ?? []).map((block) => (block.type === 'text' ? block.text : `[${block.type}]`)).join('');

export class EventPrinter {
  #write;
  /** The block whose text is being printed: `{id, printed}`. */
  #open;
  #calls = new Map();
  #lastPlan = '';
  #waiting = new Map();

  constructor(write = (text) => process.stdout.write(text)) {
    this.#write = write;
  }

  frame(frame) {
    // Text that was streaming before comes in the snapshot, its place is behind the events that follow.
    if (frame.type === 'snapshot') this.#waiting = new Map(frame.open.map((block) => [block.blockId, block]));
    if (frame.type === 'caught_up') this.#showWaiting();
    if (frame.type === 'delta') this.#piece(frame);
    if (frame.type === 'events') frame.events.forEach((event) => this.#event(event));
  }

  #showWaiting() {
    for (const block of this.#waiting.values()) this.#piece({ ...block, offset: 0 });
    this.#waiting.clear();
  }

  /** Streaming text. What is shown already is not shown again; a hole is left for the whole text that follows. */
  #piece({ blockId, kind, offset, text }) {
    if (this.#open?.id !== blockId) {
      this.#close();
      if (offset > 0) return;
      this.#begin(blockId, kind);
    }
    const skip = this.#open.printed - offset;
    if (skip < 0 || skip >= text.length) return;
    this.#text(text.slice(skip), kind);
  }

  #event({ type, payload }) {
    if (payload === null) return;
    if (type === 'message' && payload.role === 'user') return this.#prompt(textOf(payload.content));
    if (type === 'message' || type === 'thought') return this.#whole(type, payload);
    this.#close();
    const line = LINES[type]?.call(this, payload);
    if (line) this.#write(`${line}\n`);
  }

  #prompt(text) {
    this.#close();
    this.#write(
      `${text
        .split('\n')
        .map((line) => bold(`› ${printable(line)}`))
        .join('\n')}\n`,
    );
  }

  #whole(kind, { blockId, content }) {
    this.#waiting.delete(blockId);
    const text = textOf(content);
    if (!this.#open || this.#open.id !== blockId) {
      this.#close();
      this.#begin(blockId, kind);
    }
    this.#text(text.slice(this.#open.printed), kind);
    this.#close();
  }

  #begin(id, kind) {
    this.#open = { id, printed: 0 };
    this.#write(kind === 'thought' ? dim('  … ') : cyan('● '));
  }

  #text(text, kind) {
    this.#open.printed += text.length;
    const shown = printable(text).replaceAll('\n', '\n  ');
    this.#write(kind === 'thought' ? dim(shown) : shown);
  }

  #close() {
    if (this.#open) this.#write('\n');
    this.#open = undefined;
  }

  /** Calls are told twice: when they begin, and with their result. */
  call(changed) {
    const before = this.#calls.get(changed.toolCallId) ?? {};
    const now = { ...before, ...changed };
    this.#calls.set(changed.toolCallId, now);
    const isOver = now.status === 'completed' || now.status === 'failed';
    if (isOver) return before.status === now.status ? undefined : resultLine(now);
    return before.title === undefined ? `${blue(MARKS[now.kind] ?? '*')} ${bold(oneLine(now.title ?? now.toolCallId))}` : undefined;
  }

  plan({ entries }) {
    const line = entries.map(({ content, status }) => `${PLAN_MARKS[status] ?? '·'} ${content}`).join('  ');
    if (line === this.#lastPlan) return undefined;
    this.#lastPlan = line;
    return dim(`  plan: ${oneLine(line, 140)}`);
  }
}

function resultLine({ status, content = [], kind }) {
  const mark = status === 'completed' ? green('  ✓') : red('  ✗');
  const diff = content.find((each) => each.type === 'diff');
  if (diff) return `${mark} ${diffLine(diff)}`;
  const lines = textOf(content.filter((each) => each.type === 'content').map((each) => each.content))
    .trimEnd()
    .split('\n');
  const more = lines.length > 1 ? dim(` (+${lines.length - 1} ${lines.length === 2 ? 'line' : 'lines'})`) : '';
  return `${mark} ${kind === 'execute' ? oneLine(lines[0]) : dim(oneLine(lines[0]))}${more}`;
}

/** `greet.sh  +1 −1  + echo "Hello"`: what came and went, counted by lines, and the first new line. */
function diffLine({ path, oldText, newText }) {
  const before = linesOf(oldText);
  const after = linesOf(newText);
  const [gone, come] = [without(before, after), without(after, before)];
  const name = path.split('/').at(-1);
  const shown = come.find((line) => line.trim() !== '');
  return `${oldText == null ? 'new ' : ''}${name}  ${green(`+${come.length}`)} ${red(`-${gone.length}`)}${shown === undefined ? '' : `  ${green(oneLine(`+ ${shown}`, 80))}`}`;
}

const linesOf = (text) => (text ? text.replace(/\n$/, '').split('\n') : []);

/** The lines of `all` that `others` does not have, each counted as often as it is there. */
function without(all, others) {
  const left = [...others];
  return all.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** How each type of event reads in one line; nothing for those that say nothing to people. */
const LINES = {
  tool_call(payload) {
    return this.call(payload);
  },
  tool_update(payload) {
    return this.call(payload);
  },
  plan(payload) {
    return this.plan(payload);
  },
  status: ({ from, to, reason }) => dim(`  ${from ? `${from} → ` : ''}${to}${reason ? ` (${oneLine(reason)})` : ''}`),
  turn: ({ state, error }) => (state === 'failed' ? red(`  the turn failed${error ? `: ${oneLine(error, 200)}` : ''}`) : undefined),
  approval: ({ state, title, optionId, by, reason }) => {
    const by_ = [by, reason].filter(Boolean).join(': ');
    return yellow(`  permission${title ? ` to ${oneLine(title, 60)}` : ''}: ${optionId ?? state}${by_ ? ` (${oneLine(by_)})` : ''}`);
  },
  log: ({ level, text }) => (level === 'error' ? red : level === 'warn' ? yellow : dim)(`  ${oneLine(text, 160)}`),
  file_change: ({ change, path }) => magenta(`  ${change} ${oneLine(path)}`),
};
