/** What a person sees: lines on stdout, coloured where stdout is a terminal and NO_COLOR (https://no-color.org) is not set. */

const isTerminal = process.stdout.isTTY === true;
const isColoured = process.env.FORCE_COLOR
  ? process.env.FORCE_COLOR !== '0'
  : isTerminal && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

const paint = (open, close) => (text) => (isColoured ? `\u001b[${open}m${text}\u001b[${close}m` : String(text));

export const bold = paint(1, 22);
export const dim = paint(2, 22);
export const red = paint(31, 39);
export const green = paint(32, 39);
export const yellow = paint(33, 39);
export const blue = paint(34, 39);
export const magenta = paint(35, 39);
export const cyan = paint(36, 39);

export const say = (line = '') => void process.stdout.write(`${line}\n`);

/** Text of others may hold control characters that move the cursor or repaint the terminal: they are made visible. */
// eslint-disable-next-line no-control-regex -- these are the ones meant
export const printable = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\u00b7');

/** One line of at most `width` columns out of any text. */
export function oneLine(text, width = 100) {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}

/** `0.4 s`, `12 s`, `2 min 5 s`. */
export function duration(ms) {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

const TICK_MS = 1_000;
/** Where the output is a file nobody watches it tick: a line now and then is enough. */
const QUIET_TICK_MS = 15_000;

/**
 * Tells that something goes on, and for how long: on a terminal in one line that counts, elsewhere by a line every 15 s.
 * Call the returned function with the last line when it is over.
 */
export function progress(title) {
  const start = performance.now();
  const elapsed = () => duration(performance.now() - start);
  const show = isTerminal ? () => process.stdout.write(`\r\u001b[K${title} … ${dim(elapsed())}`) : () => say(`${title} … ${elapsed()}`);
  if (isTerminal) show();
  else say(`${title} …`);
  const timer = setInterval(show, isTerminal ? TICK_MS : QUIET_TICK_MS);
  return (result) => {
    clearInterval(timer);
    say(`${isTerminal ? '\r\u001b[K' : ''}${result ?? title} ${dim(elapsed())}`);
  };
}

/** A failure that the person can do something about; told without a stack. */
export class Problem extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/** Tells why a script gave up, on stderr. */
export function complain(name, error) {
  const isOurs = error instanceof Problem;
  process.stderr.write(`${red(`${name}: ${isOurs ? error.message : (error?.stack ?? error)}`)}\n`);
  if (isOurs && error.remedy) process.stderr.write(`${error.remedy}\n`);
}
