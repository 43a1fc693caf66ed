/** Prints the frames of one session for people: text as it streams, everything else in a line. */
import { blue, bold, cyan, dim, green, magenta, oneLine, printable, red, yellow } from './terminal.mjs';

const MARKS = { read: '◦', edit: '✎', execute: '$', search: '⌕', delete: '✗', fetch: '⇣' };
const textOf = (content) => (content ?? []).map((block) => (block.type === 'text' ? block.text : `[${block.type}]`)).join('');

export class EventPrinter {
  #write;
  /** The block whose line is open, and how much of each block's text was printed. */
  #open;
  #printed = new Map();
  #isLineOpen = false;
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
    const skip = (this.#printed.get(blockId) ?? 0) - offset;
    if (skip < 0 || skip >= text.length) return;
    this.#text(blockId, kind, text.slice(skip));
  }

  #event({ type, payload }) {
    if (payload === null) return;
    if (type === 'message' || type === 'thought') return this.#whole(type, payload);
    const line = LINES[type]?.call(this, payload);
    if (!line) return;
    this.#close();
    this.#write(`${line}\n`);
  }

  /** The whole text of a block: what of it did not come before, on the line where it began if that is still the last. */
  #whole(kind, { blockId, role, content }) {
    this.#waiting.delete(blockId);
    const text = textOf(content);
    if (role === 'user') {
      this.#close();
      return this.#write(`${quoted(text)}\n`);
    }
    const rest = text.slice(this.#printed.get(blockId) ?? 0);
    if (rest !== '') this.#text(blockId, kind, rest);
    if (this.#open === blockId || blockId === undefined) this.#close();
  }

  #text(blockId, kind, text) {
    const isThought = kind === 'thought';
    if (this.#open !== blockId || blockId === undefined) {
      this.#close();
      this.#open = blockId;
      this.#write(isThought ? dim('… ') : cyan('● '));
      this.#isLineOpen = true;
    }
    this.#printed.set(blockId, (this.#printed.get(blockId) ?? 0) + text.length);
    const shown = printable(text).replaceAll('\n', '\n  ');
    this.#write(isThought ? dim(shown) : shown);
  }

  #close() {
    if (this.#isLineOpen) this.#write('\n');
    this.#isLineOpen = false;
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

  /** A plan is told when it is new; how far it is, the tool calls tell. */
  plan({ entries }) {
    const line = entries.map(({ content }) => content).join(' · ');
    if (line === this.#lastPlan) return undefined;
    this.#lastPlan = line;
    return dim(`  plan: ${oneLine(line, 140)}`);
  }
}

const quoted = (text) =>
  text
    .split('\n')
    .map((line) => bold(`› ${printable(line)}`))
    .join('\n');

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
  input: ({ content, state }) =>
    state === 'unknown' ? yellow('  nobody knows whether the agent got the last prompt') : quoted(textOf(content)),
  status: ({ from, to, reason }) => dim(`  ${from ? `${from} → ` : ''}${to}${reason ? ` (${oneLine(reason)})` : ''}`),
  turn: ({ state, error }) => (state === 'failed' ? red(`  the turn failed${error ? `: ${oneLine(error, 200)}` : ''}`) : undefined),
  approval: ({ state, optionId, by, reason }) => {
    const why = [by, reason].filter(Boolean).join(', ');
    return yellow(`  permission: ${optionId ?? state}${why ? dim(` (${oneLine(why)})`) : ''}`);
  },
  log: ({ level, text }) => (level === 'error' ? red : level === 'warn' ? yellow : dim)(`  ${oneLine(text, 160)}`),
  file_change: ({ change, path }) => magenta(`  ${change} ${oneLine(path)}`),
};
