import type { Readable } from 'node:stream';
import { LineSplitter, shown } from '../../core/process/line-splitter.js';
import type { LineTail } from '../../core/process/line-tail.js';

/** Logs of an agent beyond this are of no use in a session's log: the rest of the second is only counted. */
const MAX_LINES_A_SECOND = 100;
const MAX_LINE_BYTES = 8 * 1024;

/** Reads an agent's stderr as it comes, so that it never waits for us; the last lines are kept in `tail`. Resolves at its end. */
export async function readStderr(stderr: Readable, tail: LineTail, emit: (text: string) => void): Promise<void> {
  const splitter = new LineSplitter(MAX_LINE_BYTES);
  let lines = 0;
  const tell = () => {
    if (lines > MAX_LINES_A_SECOND) emit(`… [${lines - MAX_LINES_A_SECOND} more lines]`);
    lines = 0;
  };
  const second = setInterval(tell, 1_000).unref();
  const take = (text: string) => {
    tail.push(text);
    if (text.trim() !== '' && ++lines <= MAX_LINES_A_SECOND) emit(text);
  };
  await new Promise<void>((resolve) => {
    stderr.on('data', (chunk: Buffer) => splitter.push(chunk).forEach((line) => take(shown(line))));
    stderr.once('close', resolve);
  });
  clearInterval(second);
  splitter.flush().forEach((line) => take(shown(line)));
  tell();
}
